/* Macros and encryption of documents.
 *
 * An OLE file ([MS-CFB]) is a file system in a file, whose tables can be laid in loops. They aren't needed: the entries of its directories are 128
 * bytes each and stand where 128 divides, wherever the tables say, so that all of the file is looked through for them once. */
#include "attach/internal.h"

enum {
	ENTRY = 128, NAME_MAX_BYTES = 64, NAME_LENGTH = 64, ENTRY_TYPE = 66, ENTRY_START = 116, /* of a directory's entry */
	STORAGE = 1, STREAM = 2,
	SECTOR_SHIFT = 30,       /* of the file's header */
	SHEETS_MAX = 64 * 1024,  /* bytes of a workbook in which its sheets are listed */
	FIB_FLAGS = 10, FIB_ENCRYPTED = 1,   /* [MS-DOC] 2.5.2: fEncrypted, bit 8 of the flags */
	RECORD_FILEPASS = 0x2f, RECORD_BOUNDSHEET = 0x85, SHEET_OF_MACROS = 1, /* [MS-XLS] 2.4.117, 2.4.28 */
};

static unsigned byte_at(struct slice s, size_t at) { return at < s.len ? (unsigned char)s.at[at] : 0; }
static unsigned number16(struct slice s, size_t at) { return byte_at(s, at) | byte_at(s, at + 1) << 8; }
static uint32_t number32(struct slice s, size_t at) { return number16(s, at) | (uint32_t)number16(s, at + 2) << 16; }

/* The name of a directory's entry in lower case, if it is one with a name of ASCII; else empty. `out`: NAME_MAX_BYTES / 2. */
static struct slice entry_name(struct slice entry, char *out)
{
	size_t bytes = number16(entry, NAME_LENGTH), count = bytes / 2;
	unsigned type = byte_at(entry, ENTRY_TYPE);
	if (bytes < 4 || bytes > NAME_MAX_BYTES || bytes % 2 != 0 || (type != STORAGE && type != STREAM))
		return slice_make(NULL, 0);
	for (size_t i = 0; i < count; i++) {
		unsigned c = number16(entry, 2 * i);
		if (c > 0x7e || (c == 0) != (i == count - 1))
			return slice_make(NULL, 0);
		out[i] = ascii_lower((char)c);
	}
	return slice_make(out, count - 1);
}

/* The beginning of a stream: from its first sector on, as if the others followed that. */
static struct slice stream_beginning(struct slice file, struct slice entry)
{
	size_t shift = number16(file, SECTOR_SHIFT) == 12 ? 12 : 9;
	return slice_skip(file, ((size_t)number32(entry, ENTRY_START) + 1) << shift);
}

/* Records of a workbook: is it encrypted, or has it sheets of Excel 4 macros? */
static uint32_t examine_workbook(struct slice records)
{
	uint32_t findings = 0;
	records = slice_sub(records, 0, SHEETS_MAX);
	while (records.len >= 4) {
		unsigned type = number16(records, 0);
		if (type == RECORD_FILEPASS)
			return 1U << ATTACH_ENCRYPTED; /* what follows can't be read */
		if (type == RECORD_BOUNDSHEET && byte_at(records, 4 + 5) == SHEET_OF_MACROS)
			findings |= 1U << ATTACH_MACROS;
		records = slice_skip(records, 4 + number16(records, 2));
	}
	return findings;
}

static uint32_t examine_entry(struct slice file, struct slice entry)
{
	char text[NAME_MAX_BYTES / 2];
	struct slice name = entry_name(entry, text);
	if (name.len == 0)
		return 0;
	if (byte_at(entry, ENTRY_TYPE) == STORAGE)
		return (uint32_t)(slice_equal(name, SLICE("vba")) || slice_equal(name, SLICE("_vba_project_cur"))) << ATTACH_MACROS;
	if (slice_equal(name, SLICE("_vba_project")))
		return 1U << ATTACH_MACROS;
	if (slice_equal(name, SLICE("encryptedpackage")) || slice_equal(name, SLICE("encryptedsummary")))
		return 1U << ATTACH_ENCRYPTED;
	if (slice_equal(name, SLICE("worddocument")))
		return (uint32_t)(byte_at(stream_beginning(file, entry), FIB_FLAGS + 1) & FIB_ENCRYPTED) << ATTACH_ENCRYPTED;
	if (slice_equal(name, SLICE("workbook")) || slice_equal(name, SLICE("book")))
		return examine_workbook(stream_beginning(file, entry));
	return 0;
}

uint32_t attach_examine_ole(struct slice content)
{
	/* A presentation keeps its macros packed in a stream, and says so in an atom ([MS-PPT] 2.4.11, VbaInfoAtom). */
	static const struct slice presentation_macros = {"\x02\0\0\x04\x0c\0\0\0", 8};
	uint32_t findings = 0;
	for (size_t at = ENTRY; at + ENTRY <= content.len; at += ENTRY)
		findings |= examine_entry(content, slice_sub(content, at, ENTRY));
	return findings | (uint32_t)(slice_find(content, presentation_macros) != SLICE_NONE) << ATTACH_MACROS;
}

/* ---- PDF ---- */

/* Takes a character of a name, which "#" and two digits may stand for (ISO 32000-1 §7.3.5). */
static char take_name_char(struct slice *rest)
{
	char c = rest->len > 0 ? rest->at[0] : '\0';
	int high = c == '#' && rest->len > 2 ? ascii_hex_value(rest->at[1]) : -1, low = high >= 0 ? ascii_hex_value(rest->at[2]) : -1;
	*rest = slice_skip(*rest, low >= 0 ? 3 : 1);
	return low >= 0 ? (char)(high * 16 + low) : c;
}

static bool is_encrypt(struct slice rest)
{
	struct slice wanted = SLICE("Encrypt");
	for (size_t i = 0; i < wanted.len; i++)
		if (take_name_char(&rest) != wanted.at[i])
			return false;
	return rest.len > 0 && (ascii_is_space(rest.at[0]) || rest.at[0] == '<' || rest.at[0] == '%'); /* a reference, or the dictionary itself */
}

bool attach_is_encrypted_pdf(struct slice content)
{
	size_t slash;
	while ((slash = slice_find_char(content, '/')) != SLICE_NONE) {
		content = slice_skip(content, slash + 1);
		if (is_encrypt(content))
			return true;
	}
	return false;
}
