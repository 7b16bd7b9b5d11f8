/* Charsets of East Asia that fit 7 bits: ISO-2022-JP (RFC 1468, with what Microsoft's code page 50221 adds: NEC's characters, katakana of
 * half width), its relatives -1, -2 and -3, ISO-2022-KR (RFC 1557), ISO-2022-CN (RFC 1922, its first plane) and HZ (RFC 1843). They are
 * sequences of pairs between shifts. iconv's converters lose the rest of a text after one damaged pair, and know only what
 * the standards have; so the shifts are read here, and the pairs given to the converters of the 8-bit forms. */
#include "message/charset.h"

#include "base/slice.h"

enum set { SET_ASCII, SET_KANA, SET_JIS, SET_JIS_2, SET_GB, SET_KS };

enum { CONVERTER_NONE = -1 };
enum converter { CONVERTER_JP, CONVERTER_CN, CONVERTER_KR };
static const char *const converters[] = {"EUC-JP-MS", "GB18030", "UHC"};

/* Which converter reads a set; ASCII any. */
static int converter_of(enum set set)
{
	static const int of[] = {[SET_ASCII] = CONVERTER_NONE, [SET_KANA] = CONVERTER_JP, [SET_JIS] = CONVERTER_JP, [SET_JIS_2] = CONVERTER_JP,
				 [SET_GB] = CONVERTER_CN, [SET_KS] = CONVERTER_KR};
	return of[set];
}

/* What a shift does: `at_once`, or at the next SO. */
static const struct shift {
	struct slice sequence;
	enum set set;
	bool at_once;
} shifts[] = {
	{{"\x1b(B", 3}, SET_ASCII, true}, {{"\x1b(J", 3}, SET_ASCII, true}, {{"\x1b(H", 3}, SET_ASCII, true}, {{"\x1b(I", 3}, SET_KANA, true},
	{{"\x1b$@", 3}, SET_JIS, true}, {{"\x1b$B", 3}, SET_JIS, true}, {{"\x1b$A", 3}, SET_GB, true}, {{"\x1b$(@", 4}, SET_JIS, true},
	{{"\x1b$(B", 4}, SET_JIS, true}, {{"\x1b$(D", 4}, SET_JIS_2, true}, {{"\x1b$(C", 4}, SET_KS, true}, {{"\x1b$)C", 4}, SET_KS, false},
	{{"\x1b$)A", 4}, SET_GB, false}, {{"\x1b$(O", 4}, SET_JIS, true}, {{"\x1b$(Q", 4}, SET_JIS, true}, {{"\x1b$(P", 4}, SET_JIS_2, true},
};

static const struct charset {
	const char *key;
	enum set shift_out;    /* what SO means from the beginning */
	const char *eight_bit; /* what 8-bit text under its name is read as */
	bool tilde;            /* HZ: "~{" and "~}" are its shifts */
} charsets[] = {
	{"iso2022jp", SET_KANA, "CP932", false}, {"iso2022jp1", SET_KANA, "CP932", false}, {"iso2022jp2", SET_KANA, "CP932", false},
	{"iso2022jp3", SET_KANA, "CP932", false}, {"iso2022jp2004", SET_KANA, "CP932", false}, {"iso2022jpms", SET_KANA, "CP932", false},
	{"cp50220", SET_KANA, "CP932", false}, {"cp50221", SET_KANA, "CP932", false}, {"cp50222", SET_KANA, "CP932", false}, {"jis", SET_KANA, "CP932", false},
	{"iso2022kr", SET_KS, "UHC", false}, {"iso2022cn", SET_GB, "GB18030", false}, {"hzgb2312", SET_GB, "GB18030", true}, {"hz", SET_GB, "GB18030", true},
};

static const struct charset *find(struct slice key)
{
	for (size_t i = 0; i < sizeof charsets / sizeof *charsets; i++)
		if (slice_equal(key, slice_of(charsets[i].key)))
			return &charsets[i];
	return NULL;
}

bool charset_is_shifted(struct slice key)
{
	return find(key) != NULL;
}

/* A text being read: `run` are bytes that wait for one converter. */
struct reader {
	const struct charset *charset;
	struct slice rest;
	enum set set, shift_out;
	int converter;
	struct buf run, *out;
	bool failed;
};

static void flush(struct reader *reader)
{
	if (reader->run.len > 0 && reader->converter == CONVERTER_NONE)
		reader->failed |= !buf_append(reader->out, buf_slice(&reader->run));
	else if (reader->run.len > 0)
		reader->failed |= !charset_convert(converters[reader->converter], buf_slice(&reader->run), reader->out);
	buf_clear(&reader->run);
	reader->converter = CONVERTER_NONE;
}

static void damaged(struct reader *reader)
{
	flush(reader);
	reader->failed |= !buf_append_text(reader->out, "\xef\xbf\xbd");
}

/* HZ's shifts; "~~" is a tilde, a tilde at the end of a line joins it with the next. Returns the length, 0 if it is none. */
static size_t take_tilde(struct reader *reader)
{
	static const struct { struct slice sequence; enum set set; const char *text; } tildes[] = {
		{{"~{", 2}, SET_GB, ""}, {{"~}", 2}, SET_ASCII, ""}, {{"~~", 2}, SET_ASCII, "~"}, {{"~\n", 2}, SET_ASCII, ""}, {{"~\r\n", 3}, SET_ASCII, ""},
	};
	for (size_t i = 0; reader->charset->tilde && i < sizeof tildes / sizeof *tildes; i++) {
		if (!slice_starts(reader->rest, tildes[i].sequence) || (reader->set == SET_GB && i != 1))
			continue;
		reader->set = tildes[i].set;
		buf_append_text(&reader->run, tildes[i].text);
		return tildes[i].sequence.len;
	}
	return 0;
}

/* Takes a shift; false if there is none. */
static bool take_shift(struct reader *reader)
{
	char c = reader->rest.at[0];
	size_t len = c == '~' ? take_tilde(reader) : 0;
	if (c == '\x0e' || c == '\x0f') { /* SO, SI */
		reader->set = c == '\x0e' ? reader->shift_out : SET_ASCII;
		len = 1;
	}
	for (size_t i = 0; c == '\x1b' && len == 0 && i < sizeof shifts / sizeof *shifts; i++) {
		if (!slice_starts(reader->rest, shifts[i].sequence))
			continue;
		if (shifts[i].at_once)
			reader->set = shifts[i].set;
		else
			reader->shift_out = shifts[i].set;
		len = shifts[i].sequence.len;
	}
	reader->rest = slice_skip(reader->rest, len);
	return len > 0;
}

static bool is_of_pair(char c)
{
	return c > ' ' && c < 0x7f;
}

/* Makes room in the run for the converter that the set needs. */
static void choose_converter(struct reader *reader)
{
	int wanted = converter_of(reader->set);
	if (wanted == CONVERTER_NONE || wanted == reader->converter)
		return;
	if (reader->converter != CONVERTER_NONE)
		flush(reader);
	reader->converter = wanted;
}

static void take_pair(struct reader *reader)
{
	if (reader->rest.len < 2 || !is_of_pair(reader->rest.at[1])) {
		damaged(reader); /* what follows is read for itself */
		reader->rest = slice_skip(reader->rest, 1);
		return;
	}
	choose_converter(reader);
	if (reader->set == SET_JIS_2)
		buf_append_char(&reader->run, '\x8f');
	buf_append_char(&reader->run, (char)(reader->rest.at[0] | 0x80));
	buf_append_char(&reader->run, (char)(reader->rest.at[1] | 0x80));
	reader->rest = slice_skip(reader->rest, 2);
}

static void take_single(struct reader *reader)
{
	char c = reader->rest.at[0];
	reader->rest = slice_skip(reader->rest, 1);
	if (c == '\n') { /* every line begins in ASCII: so one whose last shift was lost costs no more than itself */
		reader->set = SET_ASCII;
		buf_append_char(&reader->run, c);
	} else if ((unsigned char)c >= 0x80 || c == '\x1b' || (reader->set == SET_KANA && is_of_pair(c) && c > '\x5f')) {
		damaged(reader);
	} else if (reader->set == SET_KANA && is_of_pair(c)) {
		choose_converter(reader);
		buf_append_char(&reader->run, '\x8e');
		buf_append_char(&reader->run, (char)(c | 0x80));
	} else {
		buf_append_char(&reader->run, c);
	}
}

static bool has_shift(struct slice bytes)
{
	return slice_find_char(bytes, '\x1b') != SLICE_NONE || slice_find_char(bytes, '\x0e') != SLICE_NONE;
}

bool charset_convert_shifted(struct slice key, struct slice bytes, struct buf *out)
{
	const struct charset *charset = find(key);
	if (!slice_is_ascii(bytes) && !has_shift(bytes))
		return charset_convert(charset->eight_bit, bytes, out);
	struct reader reader = {.charset = charset, .rest = bytes, .shift_out = charset->shift_out, .converter = CONVERTER_NONE,
				.run = BUF(2 * bytes.len + 3), .out = out};
	while (reader.rest.len > 0 && !reader.failed) {
		if (take_shift(&reader))
			continue;
		if (reader.set > SET_KANA && is_of_pair(reader.rest.at[0]))
			take_pair(&reader);
		else
			take_single(&reader);
	}
	flush(&reader);
	buf_free(&reader.run);
	return !reader.failed;
}
