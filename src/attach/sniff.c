/* What a file is, by its first bytes: what is looked into by a table here, so that it doesn't depend on anything; all others are libmagic's.
 *
 * libmagic's table is a file, which is mapped into memory when it is first asked; where it isn't readable that is said once in the log, and
 * types are those of the table here. A cookie of libmagic isn't for several threads: they take turns, for a fraction of a millisecond each. */
#include <magic.h>
#include <pthread.h>

#include "attach/internal.h"
#include "base/log.h"

enum { TAR_MAGIC = 257, ISO_MAGIC = 32769, PDF_WITHIN = 1024, DOS_HEADER = 64 };

static const struct {
	size_t at;
	struct slice bytes;
	enum attach_kind kind;
	const char *type;
} signatures[] = {
	{0, {"\x7f" "ELF", 4}, ATTACH_KIND_PROGRAM, "application/x-executable"},
	{0, {"\xfe\xed\xfa\xce", 4}, ATTACH_KIND_PROGRAM, "application/x-mach-binary"},
	{0, {"\xfe\xed\xfa\xcf", 4}, ATTACH_KIND_PROGRAM, "application/x-mach-binary"},
	{0, {"\xce\xfa\xed\xfe", 4}, ATTACH_KIND_PROGRAM, "application/x-mach-binary"},
	{0, {"\xcf\xfa\xed\xfe", 4}, ATTACH_KIND_PROGRAM, "application/x-mach-binary"},
	{0, {"\xca\xfe\xba\xbe", 4}, ATTACH_KIND_PROGRAM, "application/java-vm"},
	{0, {"dex\n0", 5}, ATTACH_KIND_PROGRAM, "application/x-dex"},
	{0, {"L\0\0\0\x01\x14\x02\0", 8}, ATTACH_KIND_PROGRAM, "application/x-ms-shortcut"},
	{0, {"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 8}, ATTACH_KIND_OLE, "application/x-ole-storage"},
	{0, {"\x78\x9f\x3e\x22", 4}, ATTACH_KIND_TNEF, "application/vnd.ms-tnef"},
	{0, {"PK\3\4", 4}, ATTACH_KIND_ARCHIVE, "application/zip"},
	{0, {"PK\5\6", 4}, ATTACH_KIND_ARCHIVE, "application/zip"},
	{0, {"PK00PK\3\4", 8}, ATTACH_KIND_ARCHIVE, "application/zip"},
	{0, {"7z\xbc\xaf\x27\x1c", 6}, ATTACH_KIND_ARCHIVE, "application/x-7z-compressed"},
	{0, {"Rar!\x1a\x07", 6}, ATTACH_KIND_ARCHIVE, "application/vnd.rar"},
	{0, {"MSCF\0\0\0\0", 8}, ATTACH_KIND_ARCHIVE, "application/vnd.ms-cab-compressed"},
	{0, {"!<arch>\n", 8}, ATTACH_KIND_ARCHIVE, "application/x-archive"},
	{0, {"07070", 5}, ATTACH_KIND_ARCHIVE, "application/x-cpio"},
	{2, {"-lh", 3}, ATTACH_KIND_ARCHIVE, "application/x-lzh-compressed"},
	{TAR_MAGIC, {"ustar", 5}, ATTACH_KIND_ARCHIVE, "application/x-tar"},
	{ISO_MAGIC, {"CD001", 5}, ATTACH_KIND_ARCHIVE, "application/x-iso9660-image"},
	{0, {"\x1f\x8b", 2}, ATTACH_KIND_PACKED, "application/gzip"},
	{0, {"\x1f\x9d", 2}, ATTACH_KIND_PACKED, "application/x-compress"},
	{0, {"BZh", 3}, ATTACH_KIND_PACKED, "application/x-bzip2"},
	{0, {"\xfd" "7zXZ\0", 6}, ATTACH_KIND_PACKED, "application/x-xz"},
	{0, {"LZIP", 4}, ATTACH_KIND_PACKED, "application/x-lzip"},
	{0, {"\x28\xb5\x2f\xfd", 4}, ATTACH_KIND_PACKED, "application/zstd"},
	{0, {"\x04\x22\x4d\x18", 4}, ATTACH_KIND_PACKED, "application/x-lz4"},
};

/* "MZ" begins words, too; a header of a program has zeros. */
static bool is_dos_program(struct slice head)
{
	return slice_starts(head, SLICE("MZ")) && slice_find_char(slice_sub(head, 0, DOS_HEADER), '\0') != SLICE_NONE;
}

enum attach_kind attach_sniff(struct slice head, const char **type)
{
	*type = "application/x-dosexec";
	if (is_dos_program(head))
		return ATTACH_KIND_PROGRAM;
	for (size_t i = 0; i < sizeof signatures / sizeof *signatures; i++) {
		*type = signatures[i].type;
		if (slice_starts(slice_skip(head, signatures[i].at), signatures[i].bytes))
			return signatures[i].kind;
	}
	*type = "application/pdf"; /* readers look for it further on, too */
	if (slice_find(slice_sub(head, 0, PDF_WITHIN), SLICE("%PDF-")) != SLICE_NONE)
		return ATTACH_KIND_PDF;
	*type = NULL;
	return ATTACH_KIND_OTHER;
}

/* ---- libmagic ---- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards the rest */
static magic_t cookie;
static bool failed;

static bool is_ready(void)
{
	enum { FLAGS = MAGIC_MIME_TYPE | MAGIC_NO_CHECK_COMPRESS | MAGIC_NO_CHECK_ELF | MAGIC_NO_CHECK_CDF | MAGIC_NO_CHECK_JSON | MAGIC_NO_CHECK_CSV };
	if (cookie || failed)
		return cookie != NULL;
	cookie = magic_open(FLAGS);
	if (cookie && magic_load(cookie, NULL) == 0)
		return true;
	failed = true;
	log_warning("attach.no_types", log_text("reason", "libmagic's table of types can't be read: files are known by few types"));
	if (cookie)
		magic_close(cookie);
	cookie = NULL;
	return false;
}

/* Another release of libmagic has another name for it; ours is that of IANA's list, as in the table above. */
static const char *one_name(const char *type)
{
	return slice_equal(slice_of(type), SLICE("application/x-rar")) ? "application/vnd.rar" : type;
}

const char *attach_ask_magic(struct slice head, struct arena *arena)
{
	pthread_mutex_lock(&lock);
	const char *said = is_ready() ? magic_buffer(cookie, head.at, head.len) : NULL;
	const char *type = said ? arena_text(arena, slice_of(one_name(said))) : NULL;
	pthread_mutex_unlock(&lock);
	return type;
}
