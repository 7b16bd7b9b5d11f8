/* Charsets to UTF-8, by the C library's iconv. Only the charsets that mail is really written in are handed to it: the rest
 * of its converters is little used and has had holes. */
#include "message/mime.h"

#include <errno.h>
#include <iconv.h>

#include "message/text.h"

/* MIME's names (lower-case) and iconv's. Programs that say ISO 8859-1, GB 2312 or KS C 5601 mean the supersets. */
static const struct charset {
	const char *name, *iconv;
} charsets[] = {
	{"iso-8859-1", "CP1252"}, {"latin1", "CP1252"}, {"iso8859-1", "CP1252"}, {"windows-1252", "CP1252"}, {"cp1252", "CP1252"},
	{"iso-8859-2", "ISO-8859-2"}, {"iso8859-2", "ISO-8859-2"}, {"latin2", "ISO-8859-2"}, {"iso-8859-3", "ISO-8859-3"},
	{"iso-8859-4", "ISO-8859-4"}, {"iso-8859-5", "ISO-8859-5"}, {"iso-8859-6", "ISO-8859-6"}, {"iso-8859-7", "ISO-8859-7"},
	{"iso-8859-8", "ISO-8859-8"}, {"iso-8859-8-i", "ISO-8859-8"}, {"iso-8859-8-e", "ISO-8859-8"}, {"iso-8859-6-i", "ISO-8859-6"},
	{"iso-8859-9", "CP1254"}, {"iso-8859-10", "ISO-8859-10"}, {"iso-8859-11", "CP874"}, {"tis-620", "CP874"},
	{"windows-874", "CP874"}, {"cp874", "CP874"}, {"iso-8859-13", "ISO-8859-13"}, {"iso-8859-14", "ISO-8859-14"},
	{"iso-8859-15", "ISO-8859-15"}, {"latin-9", "ISO-8859-15"}, {"iso8859-15", "ISO-8859-15"}, {"iso-8859-16", "ISO-8859-16"},
	{"windows-1250", "CP1250"}, {"cp1250", "CP1250"}, {"windows-1251", "CP1251"}, {"cp1251", "CP1251"}, {"cp-1251", "CP1251"},
	{"windows-1253", "CP1253"}, {"cp1253", "CP1253"}, {"windows-1254", "CP1254"}, {"cp1254", "CP1254"},
	{"windows-1255", "CP1255"}, {"cp1255", "CP1255"}, {"windows-1256", "CP1256"}, {"cp1256", "CP1256"},
	{"windows-1257", "CP1257"}, {"cp1257", "CP1257"}, {"windows-1258", "CP1258"}, {"cp1258", "CP1258"},
	{"koi8-r", "KOI8-R"}, {"koi8", "KOI8-R"}, {"koi8-u", "KOI8-U"}, {"koi8-ru", "KOI8-U"}, {"ibm866", "CP866"},
	{"cp866", "CP866"}, {"ibm437", "CP437"}, {"cp437", "CP437"}, {"ibm850", "CP850"}, {"cp850", "CP850"}, {"cp-850", "CP850"},
	{"ibm852", "CP852"}, {"cp852", "CP852"}, {"cp855", "CP855"}, {"macintosh", "MACINTOSH"}, {"x-mac-roman", "MACINTOSH"},
	{"x-mac-cyrillic", "MAC-CYRILLIC"}, {"viscii", "VISCII"}, {"armscii-8", "ARMSCII-8"},
	{"gb2312", "GB18030"}, {"gb_2312-80", "GB18030"}, {"gb-2312", "GB18030"}, {"gbk", "GB18030"}, {"x-gbk", "GB18030"},
	{"cp936", "GB18030"}, {"gb18030", "GB18030"}, {"euc-cn", "GB18030"}, {"big5", "BIG5-HKSCS"}, {"big5-hkscs", "BIG5-HKSCS"},
	{"cp950", "CP950"}, {"euc-tw", "EUC-TW"}, {"shift_jis", "CP932"}, {"shift-jis", "CP932"}, {"sjis", "CP932"},
	{"x-sjis", "CP932"}, {"windows-31j", "CP932"}, {"cp932", "CP932"}, {"ms_kanji", "CP932"}, {"euc-jp", "EUC-JP-MS"},
	{"x-euc-jp", "EUC-JP-MS"}, {"iso-2022-jp", "ISO-2022-JP"}, {"iso-2022-jp-1", "ISO-2022-JP"}, {"iso-2022-jp-2", "ISO-2022-JP-2"},
	{"euc-kr", "UHC"}, {"ks_c_5601-1987", "UHC"}, {"ks_c_5601", "UHC"}, {"ksc5601", "UHC"}, {"korean", "UHC"}, {"cp949", "UHC"},
	{"iso-2022-kr", "ISO-2022-KR"}, {"johab", "JOHAB"}, {"utf-7", "UTF-7"}, {"unicode-1-1-utf-7", "UTF-7"},
	{"utf-16", "UTF-16"}, {"utf-16le", "UTF-16LE"}, {"utf-16be", "UTF-16BE"}, {"utf-32", "UTF-32"}, {"utf-32le", "UTF-32LE"},
	{"utf-32be", "UTF-32BE"},
};

static const char *find_charset(struct slice name)
{
	for (size_t i = 0; i < sizeof charsets / sizeof *charsets; i++)
		if (slice_equal_nocase(name, slice_of(charsets[i].name)))
			return charsets[i].iconv;
	return NULL;
}

static bool is_utf8_name(struct slice name)
{
	return slice_equal_nocase(name, SLICE("utf-8")) || slice_equal_nocase(name, SLICE("utf8")) ||
		slice_equal_nocase(name, SLICE("unicode-1-1-utf-8"));
}

static bool is_ascii_name(struct slice name)
{
	return name.len == 0 || slice_equal_nocase(name, SLICE("us-ascii")) || slice_equal_nocase(name, SLICE("ascii")) ||
		slice_equal_nocase(name, SLICE("unknown-8bit"));
}

/* Last resort, and where a converter is missing: ISO 8859-1 proper. */
static bool append_latin1(struct slice bytes, struct buf *out)
{
	for (size_t i = 0; i < bytes.len; i++) {
		unsigned char c = (unsigned char)bytes.at[i];
		char two[2] = {(char)(0xc0 | c >> 6), (char)(0x80 | (c & 0x3f))};
		if (!(c < 0x80 ? buf_append_char(out, (char)c) : buf_append(out, slice_make(two, 2))))
			return false;
	}
	return true;
}

/* Converts all of `bytes`: what isn't a character of the charset costs one byte and shows as U+FFFD, so this ends. */
static bool convert(iconv_t converter, struct slice bytes, struct buf *out)
{
	char *in = (char *)bytes.at; /* iconv's type; it doesn't write there */
	size_t left = bytes.len;
	while (left > 0) {
		char block[4096], *to = block;
		size_t room = sizeof block;
		size_t before = left;
		bool stuck = iconv(converter, &in, &left, &to, &room) == (size_t)-1 && errno != E2BIG;
		if (!buf_append(out, slice_make(block, sizeof block - room)))
			return false;
		if (!stuck && (left < before || room < sizeof block))
			continue;
		if (!buf_append_text(out, "\xef\xbf\xbd"))
			return false;
		in++;
		left--;
	}
	char rest[64], *to = rest;
	size_t room = sizeof rest;
	iconv(converter, NULL, NULL, &to, &room);
	return buf_append(out, slice_make(rest, sizeof rest - room));
}

bool charset_to_utf8(struct slice charset, struct slice bytes, struct buf *out)
{
	charset = slice_trim(charset);
	if (is_utf8_name(charset))
		return text_append_utf8(bytes, out);
	if (is_ascii_name(charset) && slice_is_utf8(bytes))
		return buf_append(out, bytes);
	const char *name = find_charset(charset);
	iconv_t converter = iconv_open("UTF-8", name ? name : "CP1252");
	if (converter == (iconv_t)-1)
		return append_latin1(bytes, out);
	bool done = convert(converter, bytes, out);
	iconv_close(converter);
	return done;
}
