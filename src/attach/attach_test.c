/* Unit tests of what is found out about attachments. All samples are made here: archives and documents from their formats' descriptions, as small
 * as they can be, and each as somebody hostile would have it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "attach/internal.h"

enum { SAMPLE_MAX = 256 * 1024 * 1024 };

struct examined {
	struct arena *arena;
	struct attach_report report;
};

static struct examined examine_with(struct slice message, struct attach_limits limits)
{
	struct examined examined = {.arena = arena_new()};
	attach_examine(message, mime_parse(message, examined.arena), &limits, examined.arena, &examined.report);
	return examined;
}

static struct examined examine(const char *message) { return examine_with(slice_of(message), ATTACH_LIMITS); }

/* A message with one attachment in base64. */
static struct examined examine_file_with(const char *name, struct slice content, struct attach_limits limits)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	struct buf message = BUF(SAMPLE_MAX);
	buf_printf(&message, "Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=\"%s\"\r\n\r\n", name);
	for (size_t i = 0; i < content.len; i += 3) {
		unsigned group = 0, left = (unsigned)(content.len - i < 3 ? content.len - i : 3);
		for (unsigned k = 0; k < 3; k++)
			group = group << 8 | (k < left ? (unsigned char)content.at[i + k] : 0);
		for (unsigned k = 0; k < 4; k++)
			buf_append_char(&message, k <= left ? digits[group >> (18 - 6 * k) & 63] : '=');
		if (i / 3 % 19 == 18)
			buf_append_text(&message, "\r\n");
	}
	struct examined examined = examine_with(buf_slice(&message), limits);
	buf_free(&message);
	return examined;
}

static struct examined examine_file(const char *name, struct slice content) { return examine_file_with(name, content, ATTACH_LIMITS); }

static bool has(const struct examined *examined, enum attach_finding finding) { return examined->report.findings >> finding & 1; }

static const struct attach_file *find(const struct examined *examined, const char *name)
{
	for (size_t i = 0; i < examined->report.count; i++)
		if (slice_equal(examined->report.files[i].name, slice_of(name)))
			return &examined->report.files[i];
	fail_msg("there is no %s", name);
	return NULL;
}

/* ---- samples ---- */

static void put16(struct buf *out, unsigned n)
{
	buf_append_char(out, (char)(n & 255));
	buf_append_char(out, (char)(n >> 8));
}

static void put32(struct buf *out, uint32_t n)
{
	put16(out, n & 0xffff);
	put16(out, n >> 16);
}

static uint32_t crc_of(struct slice s)
{
	uint32_t crc = 0xffffffff;
	for (size_t i = 0; i < s.len; i++) {
		crc ^= (unsigned char)s.at[i];
		for (int k = 0; k < 8; k++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return ~crc;
}

struct packed {
	const char *name;
	struct slice content; /* as it is packed */
	unsigned flags, method;
	uint32_t size, crc;   /* of what it is unpacked; 0: it is stored */
};

static void put_zip_fields(struct buf *out, const struct packed *entry)
{
	put16(out, 20);
	put16(out, entry->flags);
	put16(out, entry->method);
	put32(out, 0x21 << 16);
	put32(out, entry->size ? entry->crc : crc_of(entry->content));
	put32(out, (uint32_t)entry->content.len);
	put32(out, entry->size ? entry->size : (uint32_t)entry->content.len);
	put16(out, (unsigned)strlen(entry->name));
	put16(out, 0);
}

/* APPNOTE.TXT 4.3.7, 4.3.12, 4.3.16 */
static void put_zip(struct buf *out, const struct packed *entries, size_t count)
{
	struct buf directory = BUF(SAMPLE_MAX);
	for (size_t i = 0; i < count; i++) {
		buf_append(&directory, SLICE("PK\1\2\24\0"));
		put_zip_fields(&directory, &entries[i]);
		for (int k = 0; k < 10; k++)
			buf_append_char(&directory, 0);
		put32(&directory, (uint32_t)out->len);
		buf_append_text(&directory, entries[i].name);
		buf_append(out, SLICE("PK\3\4"));
		put_zip_fields(out, &entries[i]);
		buf_append_text(out, entries[i].name);
		buf_append(out, entries[i].content);
	}
	uint32_t at = (uint32_t)out->len;
	buf_append(out, buf_slice(&directory));
	buf_append(out, SLICE("PK\5\6\0\0\0\0"));
	put16(out, (unsigned)count);
	put16(out, (unsigned)count);
	put32(out, (uint32_t)directory.len);
	put32(out, at);
	put16(out, 0);
	buf_free(&directory);
}

/* `size` zeros; bits: -15 as in a zip, 31 as gzip. */
static void put_zeros(struct buf *out, size_t size, int bits)
{
	enum { PIECE = 1024 * 1024 };
	char *zeros = calloc(1, PIECE), *room = malloc(PIECE);
	z_stream stream = {0};
	assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
	int result = Z_OK;
	while (result != Z_STREAM_END) {
		if (stream.avail_in == 0) {
			stream.next_in = (Bytef *)zeros;
			stream.avail_in = (uInt)(size < PIECE ? size : PIECE);
			size -= stream.avail_in;
		}
		stream.next_out = (Bytef *)room;
		stream.avail_out = PIECE;
		result = deflate(&stream, size == 0 ? Z_FINISH : Z_NO_FLUSH);
		buf_append(out, slice_make(room, PIECE - stream.avail_out));
	}
	deflateEnd(&stream);
	free(zeros);
	free(room);
}

/* The content, compressed as gzip. */
static void put_gzip(struct buf *out, struct slice content)
{
	z_stream stream = {.next_in = (Bytef *)(uintptr_t)content.at, .avail_in = (uInt)content.len};
	char *room = buf_reserve(out, content.len + 4096);
	assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
	stream.next_out = (Bytef *)room;
	stream.avail_out = (uInt)content.len + 4096;
	assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
	buf_claim(out, content.len + 4096 - stream.avail_out);
	deflateEnd(&stream);
}

/* A file of OLE: a header, a sector of directory entries, and a sector with what the last entry's stream begins with. */
static void put_ole(struct buf *out, const char *name, unsigned type, struct slice stream)
{
	char sector[512] = "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";
	sector[30] = 9;
	buf_append(out, slice_make(sector, sizeof sector));
	memset(sector, 0, sizeof sector);
	for (size_t i = 0; i < strlen(name); i++)
		sector[128 + 2 * i] = name[i];
	sector[128 + 64] = (char)(2 * (strlen(name) + 1));
	sector[128 + 66] = (char)type;
	sector[128 + 116] = 1;
	buf_append(out, slice_make(sector, sizeof sector));
	memset(sector, 0, sizeof sector);
	memcpy(sector, stream.at, stream.len);
	buf_append(out, slice_make(sector, sizeof sector));
}

static const struct slice program = {"MZ\x90\0\3\0\0\0\4\0\0\0\xff\xff\0\0\xb8\0\0\0", 20};

/* ---- names ---- */

static void names_are_read_as_systems_do(void **state)
{
	(void)state;
	enum { NAME = 1 << ATTACH_PROGRAM_NAME, TWICE = 1 << ATTACH_DOUBLE_EXTENSION, REVERSED = 1 << ATTACH_NAME_REVERSED, PADDED = 1 << ATTACH_NAME_PADDED };
	static const struct {
		const char *raw, *extension;
		uint32_t findings;
	} cases[] = {
		{"letter.pdf", "pdf", 0}, {"letter", "", 0}, {"", "", 0}, {".", "", 0}, {"archive.tar.gz", "gz", 0}, {"a.b/c", "", 0},
		{"invoice.pdf.exe", "exe", NAME | TWICE}, {"SETUP.EXE", "exe", NAME}, {"setup.1.2.exe", "exe", NAME},
		{"invoice.pdf          .exe", "exe", NAME | TWICE | PADDED}, {"x.exe. . ", "exe", NAME | PADDED}, {"x.exe...", "exe", NAME | PADDED},
		{"x. exe", "exe", NAME}, {"=?utf-8?B?0YHRh9GR0YIuanM=?=", "js", NAME}, {"=?utf-8?Q?a=2Epdf=2Escr?=", "scr", NAME | TWICE},
		{"annex\xe2\x80\xaegpj.exe", "exe", NAME | REVERSED}, {"a.e\xe2\x80\x8bxe", "exe", NAME}, {"a.\xef\xbb\xbfvbs", "vbs", NAME},
		{"C:\\temp\\x.pdf\\y.lnk", "lnk", NAME}, {"folder.{21EC2020-3AEA-1069-A2DD-08002B30309D}", "{21ec2020-3aea-1069-a2dd-08002b30309d}", NAME},
		{"the end. ", "", 0}, {"what he said...", "", 0},
	};
	struct arena *arena = arena_new();
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct attach_name name;
		attach_read_name(slice_of(cases[i].raw), arena, &name);
		if (!slice_equal(name.extension, slice_of(cases[i].extension)) || name.findings != cases[i].findings)
			fail_msg("%s: \"%.*s\", findings %x", cases[i].raw, SLICE_ARG(name.extension), name.findings);
	}
	arena_free(&arena);
}

static void parts_are_attachments_unless_they_are_text(void **state)
{
	(void)state;
	struct examined examined = examine("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nText.\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>x\r\n"
					   "--b\r\nContent-Type: text/plain; name=a.vbs\r\n\r\nx\r\n"
					   "--b\r\nContent-Type: image/png; name=b.png\r\nContent-Disposition: inline; filename*0*=utf-8''b%2E; filename*1=p; filename*2=if\r\n\r\nx\r\n"
					   "--b\r\nContent-Type: message/rfc822\r\n\r\nContent-Type: application/pdf; name=c.pdf\r\n\r\n%PDF-1.4 x\r\n"
					   "--b\r\n\r\nMZ\x90 hello\r\n--b--\r\n");
	assert_int_equal(examined.report.count, 3);
	assert_true(find(&examined, "a.vbs")->findings & 1 << ATTACH_PROGRAM_NAME);
	const struct attach_file *second = find(&examined, "b.pif");
	assert_true(slice_equal(second->other, SLICE("png")) && second->findings & 1 << ATTACH_NAME_DIFFERS && second->findings & 1 << ATTACH_PROGRAM_NAME);
	const struct attach_file *third = find(&examined, "c.pdf");
	assert_true(slice_equal(third->type, SLICE("application/pdf")) && slice_equal(third->declared, SLICE("application/pdf")) && third->findings == 0);
	assert_int_equal(third->depth, 0);
	arena_free(&examined.arena);
}

/* ---- types ---- */

static void types_are_found_by_content(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		struct slice content;
		const char *type;
		uint32_t findings;
	} cases[] = {
		{"a.bin", {"MZ\x90\0\3\0\0\0", 8}, "application/x-dosexec", 1 << ATTACH_PROGRAM},
		{"a.pdf", {"MZ\x90\0\3\0\0\0", 8}, "application/x-dosexec", 1 << ATTACH_PROGRAM | 1 << ATTACH_DISGUISED},
		{"a.txt", {"MZ is what it begins with.", 26}, "text/plain", 0},
		{"a", {"\x7f" "ELF\2\1\1", 7}, "application/x-executable", 1 << ATTACH_PROGRAM},
		{"a.jpg", {"L\0\0\0\x01\x14\x02\0", 8}, "application/x-ms-shortcut", 1 << ATTACH_PROGRAM | 1 << ATTACH_DISGUISED},
		{"a.png", {"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\6\0\0\0", 29}, "image/png", 0},
		{"a.pdf", {"\n\n%PDF-1.7\n", 11}, "application/pdf", 0},
		{"a.pdf", {"%PDF-1.7\ntrailer << /Encrypt 5 0 R >>", 37}, "application/pdf", 1 << ATTACH_ENCRYPTED},
		{"a.pdf", {"%PDF-1.7\n<</#45n#63rypt<</V 2>>>>", 33}, "application/pdf", 1 << ATTACH_ENCRYPTED},
		{"a.pdf", {"%PDF-1.7\n/EncryptMetadata true /Encrypted 1 /Encryp", 51}, "application/pdf", 0},
		{"a.zip", {"no archive", 10}, "text/plain", 0},
		{"a.zip", {"PK\3\4 no archive", 15}, "application/zip", 1 << ATTACH_UNSCANNABLE},
		{"a.rar", {"Rar!\x1a\x07\x01\0 broken", 15}, "application/vnd.rar", 1 << ATTACH_UNSCANNABLE},
		{"a.7z", {"7z\xbc\xaf\x27\x1c broken off here, of course", 32}, "application/x-7z-compressed", 1 << ATTACH_UNSCANNABLE},
		{"a.gz", {"\x1f\x8b\x08\0 broken", 11}, "application/gzip", 1 << ATTACH_UNSCANNABLE},
		{"a.dat", {"", 0}, "application/octet-stream", 0},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct examined examined = examine_file(cases[i].name, cases[i].content);
		assert_int_equal(examined.report.count, 1);
		const struct attach_file *file = &examined.report.files[0];
		if (!slice_equal(file->type, slice_of(cases[i].type)) || file->findings != cases[i].findings || file->size != cases[i].content.len)
			fail_msg("case %zu, %s: %.*s, findings %x", i, cases[i].name, SLICE_ARG(file->type), file->findings);
		arena_free(&examined.arena);
	}
}

/* ---- documents ---- */

static void documents_with_macros_are_known(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		unsigned type;
		struct slice stream;
		uint32_t findings;
	} cases[] = {
		{"VBA", 1, {"", 0}, 1 << ATTACH_MACROS}, {"_VBA_PROJECT", 2, {"", 0}, 1 << ATTACH_MACROS}, {"Vba notes", 2, {"", 0}, 0},
		{"VBA", 2, {"", 0}, 0}, {"EncryptedPackage", 2, {"", 0}, 1 << ATTACH_ENCRYPTED},
		{"WordDocument", 2, {"\xec\xa5\xc1\0\0\0\0\0\0\0\0\1", 12}, 1 << ATTACH_ENCRYPTED}, {"WordDocument", 2, {"\xec\xa5\xc1\0\0\0\0\0\0\0\xff\xfe", 12}, 0},
		{"Workbook", 2, {"\x09\x08\x02\0\0\6\x2f\0\0\0", 10}, 1 << ATTACH_ENCRYPTED},
		{"Workbook", 2, {"\x09\x08\x02\0\0\6\x85\0\x08\0\0\0\0\0\0\1\0\0", 18}, 1 << ATTACH_MACROS},
		{"Workbook", 2, {"\x09\x08\x02\0\0\6\x85\0\x08\0\0\0\0\0\0\0\0\0", 18}, 0},
		{"PowerPoint Document", 2, {"\x02\0\0\x04\x0c\0\0\0\1\0\0\0\1\0\0\0\2\0\0\0", 20}, 1 << ATTACH_MACROS},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf sample = BUF(SAMPLE_MAX);
		put_ole(&sample, cases[i].name, cases[i].type, cases[i].stream);
		struct examined examined = examine_file("letter.doc", buf_slice(&sample));
		if (examined.report.findings != cases[i].findings)
			fail_msg("case %zu: %x", i, examined.report.findings);
		arena_free(&examined.arena);
		buf_free(&sample);
	}
}

static void packed_documents_with_macros_are_known(void **state)
{
	(void)state;
	static const char *const names[] = {"word/vbaProject.bin", "xl/macrosheets/sheet1.xml", "Basic/script-lc.xml", "word/document.xml"};
	struct buf ole = BUF(SAMPLE_MAX);
	put_ole(&ole, "_VBA_PROJECT", 2, SLICE(""));
	for (size_t i = 0; i < 5; i++) {
		struct buf sample = BUF(SAMPLE_MAX);
		struct packed entries[] = {{"[Content_Types].xml", SLICE("<Types/>")}, {i < 4 ? names[i] : "word/other.name", i < 4 ? SLICE("x") : buf_slice(&ole)}};
		put_zip(&sample, entries, 2);
		struct examined examined = examine_file("letter.docx", buf_slice(&sample));
		assert_int_equal(examined.report.count, 3);
		if (has(&examined, ATTACH_MACROS) != (i != 3) || has(&examined, ATTACH_UNSCANNABLE))
			fail_msg("case %zu: %x", i, examined.report.findings);
		arena_free(&examined.arena);
		buf_free(&sample);
	}
	buf_free(&ole);
}

/* ---- archives ---- */

static void archives_are_looked_into(void **state)
{
	(void)state;
	struct buf inner = BUF(SAMPLE_MAX), gzip = BUF(SAMPLE_MAX), outer = BUF(SAMPLE_MAX);
	put_zip(&inner, (struct packed[]){{"docs/\xd1\x81\xd1\x87\xd1\x91\xd1\x82.pdf.exe", program, .flags = 1 << 11}, {"../../.bashrc", SLICE("x")}, {"empty/", SLICE("")}}, 3);
	put_gzip(&gzip, buf_slice(&inner));
	put_zip(&outer, (struct packed[]){{"read me.txt", SLICE("hello")}, {"inner.dat.gz", buf_slice(&gzip)}, {"secret.txt", SLICE("123456789012"), .flags = 1}}, 3);
	struct examined examined = examine_file("letters.zip", buf_slice(&outer));
	const struct attach_file *found = find(&examined, "docs/\xd1\x81\xd1\x87\xd1\x91\xd1\x82.pdf.exe");
	assert_int_equal(found->findings, 1 << ATTACH_PROGRAM | 1 << ATTACH_PROGRAM_NAME | 1 << ATTACH_DOUBLE_EXTENSION);
	assert_int_equal(found->depth, 2); /* of a compressed archive the layers are one */
	struct slice path = attach_path(&examined.report, (size_t)(found - examined.report.files), 200, examined.arena);
	assert_true(slice_equal(path, SLICE("letters.zip/inner.dat.gz/docs/\xd1\x81\xd1\x87\xd1\x91\xd1\x82.pdf.exe")));
	assert_true(slice_equal(attach_path(&examined.report, (size_t)(found - examined.report.files), 12, examined.arena), SLICE("\xe2\x80\xa6" ".pdf.exe")));
	assert_int_equal(find(&examined, "../../.bashrc")->findings, 1 << ATTACH_PATH_ESCAPES);
	assert_int_equal(find(&examined, "secret.txt")->findings, 1 << ATTACH_ENCRYPTED);
	assert_int_equal(find(&examined, "letters.zip")->findings, 1 << ATTACH_PROGRAM_INSIDE);
	assert_false(has(&examined, ATTACH_UNSCANNABLE) || has(&examined, ATTACH_BOMB));
	arena_free(&examined.arena);
	buf_free(&inner);
	buf_free(&gzip);
	buf_free(&outer);
}

static void what_stands_before_an_archive_hides_nothing(void **state)
{
	(void)state;
	struct buf sample = BUF(SAMPLE_MAX), behind = BUF(SAMPLE_MAX);
	put_zip(&sample, (struct packed[]){{"x.scr", program}}, 1);
	buf_append_text(&behind, "just some text before\n");
	buf_append(&behind, buf_slice(&sample));
	struct examined examined = examine_file("pictures.zip", buf_slice(&behind));
	assert_true(has(&examined, ATTACH_PROGRAM));
	arena_free(&examined.arena);
	buf_free(&sample);
	buf_free(&behind);
}

static void a_tar_and_a_message_are_looked_into(void **state)
{
	(void)state;
	char tar[2048] = "run.sh";
	static const char message[] = "From: a@example.org\r\nSubject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: x/y; name=z.cmd\r\n\r\nx\r\n--b--\r\n";
	memcpy(tar + 100, "0000644\0000000000\0000000000\00000000000003\00000000000000\0", 48);
	memcpy(tar + 156, "0", 1);
	memcpy(tar + 257, "ustar\00000", 8);
	unsigned sum = 8 * ' ';
	for (size_t i = 0; i < 512; i++)
		sum += (unsigned char)tar[i];
	for (size_t i = 0; i < 6; i++)
		tar[148 + i] = (char)('0' + (sum >> (15 - 3 * i) & 7));
	tar[155] = ' ';
	memcpy(tar + 512, "ls\n", 3);
	struct examined examined = examine_file("x.tar", slice_make(tar, sizeof tar));
	assert_true(find(&examined, "run.sh")->findings & 1 << ATTACH_PROGRAM_NAME);
	arena_free(&examined.arena);
	examined = examine_file("forwarded.eml", slice_of(message));
	assert_true(find(&examined, "z.cmd")->depth == 1 && has(&examined, ATTACH_PROGRAM_INSIDE));
	arena_free(&examined.arena);
}

static void put_tnef(struct buf *out, uint32_t id, struct slice value)
{
	buf_append_char(out, 2);
	put32(out, id);
	put32(out, (uint32_t)value.len);
	buf_append(out, value);
	put16(out, 0);
}

static void what_outlook_packs_is_looked_into(void **state)
{
	(void)state;
	struct buf sample = BUF(SAMPLE_MAX), deep = BUF(SAMPLE_MAX);
	buf_append(&sample, SLICE("\x78\x9f\x3e\x22\1\0"));
	put_tnef(&sample, 0x69002, SLICE("x"));
	put_tnef(&sample, 0x18010, SLICE("letter.pdf\0"));
	put_tnef(&sample, 0x6800f, program);
	put_tnef(&sample, 0x69002, SLICE("x"));
	put_tnef(&sample, 0x6800f, SLICE("text"));
	put_tnef(&sample, 0x18010, SLICE("notes.txt\0"));
	struct examined examined = examine_file("winmail.dat", buf_slice(&sample));
	assert_int_equal(examined.report.count, 3);
	assert_int_equal(find(&examined, "letter.pdf")->findings, 1 << ATTACH_PROGRAM | 1 << ATTACH_DISGUISED);
	assert_true(find(&examined, "notes.txt")->size == 4 && !has(&examined, ATTACH_UNSCANNABLE));
	arena_free(&examined.arena);
	examined = examine_file("winmail.dat", slice_sub(buf_slice(&sample), 0, sample.len - 10));
	assert_true(has(&examined, ATTACH_UNSCANNABLE) && examined.report.count >= 2);
	arena_free(&examined.arena);
	for (int i = 0; i < 20; i++) { /* one in another */
		buf_clear(&deep);
		buf_append(&deep, SLICE("\x78\x9f\x3e\x22\1\0"));
		put_tnef(&deep, 0x69002, SLICE("x"));
		put_tnef(&deep, 0x6800f, buf_slice(&sample));
		struct buf former = sample;
		sample = deep;
		deep = former;
	}
	examined = examine_file("winmail.dat", buf_slice(&sample));
	assert_true(has(&examined, ATTACH_BOMB) && examined.report.count == ATTACH_DEPTH_MAX + 1);
	arena_free(&examined.arena);
	buf_free(&sample);
	buf_free(&deep);
}

/* ---- bombs ---- */

static void a_bomb_has_a_name(void **state)
{
	(void)state;
	enum { SIZE = 300 * 1024 * 1024 };
	struct buf zip = BUF(SAMPLE_MAX), gzip = BUF(SAMPLE_MAX), zeros = BUF(SAMPLE_MAX);
	put_zeros(&zeros, SIZE, -15);
	put_zip(&zip, (struct packed[]){{"0.txt", buf_slice(&zeros), .method = 8, .size = SIZE, .crc = 1}}, 1);
	put_zeros(&gzip, SIZE, 31);
	struct attach_limits limits = ATTACH_LIMITS;
	limits.milliseconds = 60000;
	struct examined examined = examine_file_with("a.zip", buf_slice(&zip), limits);
	assert_true(has(&examined, ATTACH_BOMB) && examined.report.unpacked < 2 * 32 * 1024 * 1024);
	arena_free(&examined.arena);
	examined = examine_file_with("a.gz", buf_slice(&gzip), limits);
	assert_true(has(&examined, ATTACH_BOMB));
	arena_free(&examined.arena);
	buf_clear(&gzip);
	put_gzip(&gzip, program);
	examined = examine_file("invoice.pdf.exe.gz", buf_slice(&gzip));
	assert_true(find(&examined, "invoice.pdf.exe")->findings & 1 << ATTACH_PROGRAM && !has(&examined, ATTACH_BOMB));
	arena_free(&examined.arena);
	buf_free(&zip);
	buf_free(&gzip);
	buf_free(&zeros);
}

/* A zip in a zip in a zip … */
static void what_is_packed_too_deep_is_a_bomb(void **state)
{
	(void)state;
	struct buf now = BUF(SAMPLE_MAX), next = BUF(SAMPLE_MAX);
	buf_append_text(&now, "the end");
	for (int i = 0; i < 30; i++) {
		buf_clear(&next);
		put_zip(&next, (struct packed[]){{"a.zip", buf_slice(&now)}}, 1);
		struct buf former = now;
		now = next;
		next = former;
	}
	struct examined examined = examine_file("a.zip", buf_slice(&now));
	assert_true(has(&examined, ATTACH_BOMB));
	assert_int_equal(examined.report.count, ATTACH_DEPTH_MAX + 1);
	arena_free(&examined.arena);
	for (int i = 0; i < 30; i++) {
		buf_clear(&next);
		put_gzip(&next, buf_slice(&now));
		struct buf former = now;
		now = next;
		next = former;
	}
	examined = examine_file("a.gz", buf_slice(&now));
	assert_true(has(&examined, ATTACH_BOMB));
	arena_free(&examined.arena);
	buf_free(&now);
	buf_free(&next);
}

static void limits_are_kept(void **state)
{
	(void)state;
	struct buf sample = BUF(SAMPLE_MAX), name = BUF(64), big = BUF(SAMPLE_MAX);
	struct packed *entries = calloc(1000, sizeof *entries);
	for (size_t i = 0; i < 1000; i++)
		entries[i] = (struct packed){"a.txt", SLICE("x")};
	put_zip(&sample, entries, 1000);
	struct attach_limits limits = ATTACH_LIMITS;
	limits.files = 100;
	struct examined examined = examine_file_with("a.zip", buf_slice(&sample), limits);
	assert_true(examined.report.count == 100 && has(&examined, ATTACH_UNSCANNABLE));
	assert_string_equal(examined.report.files[0].reason, "too many files");
	arena_free(&examined.arena);
	limits = ATTACH_LIMITS;
	limits.unpacked = 500;
	examined = examine_file_with("a.zip", buf_slice(&sample), limits);
	assert_true(has(&examined, ATTACH_UNSCANNABLE) && !has(&examined, ATTACH_BOMB) && examined.report.unpacked <= 501);
	arena_free(&examined.arena);
	limits = ATTACH_LIMITS;
	limits.deadline = 1;
	examined = examine_file_with("a.zip", buf_slice(&sample), limits);
	assert_string_equal(examined.report.files[0].reason, "it takes too long");
	arena_free(&examined.arena);
	buf_append(&big, buf_slice(&sample));
	buf_clear(&sample);
	put_zip(&sample, (struct packed[]){{"b.zip", buf_slice(&big)}}, 1);
	limits = ATTACH_LIMITS;
	limits.held = 1000;
	limits.files = 10;
	examined = examine_file_with("a.zip", buf_slice(&sample), limits);
	assert_true(has(&examined, ATTACH_UNSCANNABLE) && examined.report.count >= 2);
	arena_free(&examined.arena);
	buf_free(&sample);
	buf_free(&big);
	buf_free(&name);
	free(entries);
}

static void parts_without_end_are_said_to_be(void **state)
{
	(void)state;
	struct buf deep = BUF(SAMPLE_MAX), many = BUF(SAMPLE_MAX);
	for (int i = 0; i < 10000; i++)
		buf_printf(&deep, "Content-Type: multipart/mixed; boundary=%d\r\n\r\n--%d\r\n", i, i);
	struct examined examined = examine_with(buf_slice(&deep), ATTACH_LIMITS);
	assert_true(has(&examined, ATTACH_UNSCANNABLE));
	arena_free(&examined.arena);
	buf_clear(&deep);
	for (int i = 0; i < 10000; i++)
		buf_append_text(&deep, "Content-Type: message/rfc822\r\n\r\n");
	examined = examine_with(buf_slice(&deep), ATTACH_LIMITS);
	assert_true(has(&examined, ATTACH_UNSCANNABLE));
	arena_free(&examined.arena);
	buf_append_text(&many, "Content-Type: multipart/mixed; boundary=b\r\n\r\n");
	for (int i = 0; i < 10000; i++)
		buf_append_text(&many, "--b\r\nContent-Type: x/y\r\n\r\nx\r\n");
	examined = examine_with(buf_slice(&many), ATTACH_LIMITS);
	assert_true(has(&examined, ATTACH_UNSCANNABLE));
	arena_free(&examined.arena);
	buf_free(&deep);
	buf_free(&many);
}

static void findings_are_told(void **state)
{
	(void)state;
	assert_string_equal(attach_finding_name(ATTACH_MACROS), "ATTACH_MACROS");
	for (enum attach_finding i = 0; i < ATTACH_FINDINGS; i++) {
		assert_true(attach_finding_points(i) >= 0);
		assert_true(slice_is_utf8(slice_of(attach_finding_text(i, SLICE("ru")))) && slice_is_ascii(slice_of(attach_finding_text(i, SLICE("de")))));
		assert_string_not_equal(attach_finding_text(i, SLICE("pt-BR")), attach_finding_text(i, SLICE("")));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_read_as_systems_do),
		cmocka_unit_test(parts_are_attachments_unless_they_are_text),
		cmocka_unit_test(types_are_found_by_content),
		cmocka_unit_test(documents_with_macros_are_known),
		cmocka_unit_test(packed_documents_with_macros_are_known),
		cmocka_unit_test(archives_are_looked_into),
		cmocka_unit_test(what_stands_before_an_archive_hides_nothing),
		cmocka_unit_test(a_tar_and_a_message_are_looked_into),
		cmocka_unit_test(what_outlook_packs_is_looked_into),
		cmocka_unit_test(a_bomb_has_a_name),
		cmocka_unit_test(what_is_packed_too_deep_is_a_bomb),
		cmocka_unit_test(limits_are_kept),
		cmocka_unit_test(parts_without_end_are_said_to_be),
		cmocka_unit_test(findings_are_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
