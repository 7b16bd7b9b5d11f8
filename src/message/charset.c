/* Charsets to UTF-8, by the C library's iconv. Only the charsets that mail is really written in are handed to it: the rest
 * of its converters is little used and has had holes. */
#include "message/charset.h"

#include <errno.h>
#include <iconv.h>

#include "message/mime.h"
#include "message/text.h"

/* What isn't a character of a charset costs so much of the text: a byte; a byte, or the two or three of a character of East Asia,
 * so that the characters behind it are still read in pairs; a unit of Unicode. */
enum damage { DAMAGE_BYTE, DAMAGE_PAIR, DAMAGE_16, DAMAGE_32 };

/* MIME's names, of which letters and digits are compared (key_of), and iconv's. Programs that say ISO 8859-1, GB 2312 or KS C 5601
 * mean the supersets. */
static const struct charset {
	const char *key, *iconv;
	enum damage damage;
} charsets[] = {
	{"iso88591", "CP1252"}, {"latin1", "CP1252"}, {"l1", "CP1252"}, {"iso88592", "ISO-8859-2"}, {"latin2", "ISO-8859-2"}, {"iso88593", "ISO-8859-3"},
	{"iso88594", "ISO-8859-4"}, {"iso88595", "ISO-8859-5"}, {"iso88596", "ISO-8859-6"}, {"iso88596i", "ISO-8859-6"}, {"iso88596e", "ISO-8859-6"},
	{"iso88597", "ISO-8859-7"}, {"iso88598", "ISO-8859-8"}, {"iso88598i", "ISO-8859-8"}, {"iso88598e", "ISO-8859-8"}, {"iso88599", "CP1254"},
	{"latin5", "CP1254"}, {"iso885910", "ISO-8859-10"}, {"iso885911", "CP874"}, {"tis620", "CP874"}, {"windows874", "CP874"}, {"cp874", "CP874"},
	{"iso885913", "ISO-8859-13"}, {"iso885914", "ISO-8859-14"}, {"iso885915", "ISO-8859-15"}, {"latin9", "ISO-8859-15"}, {"iso885916", "ISO-8859-16"},
	{"windows1250", "CP1250"}, {"windows1251", "CP1251"}, {"windows1252", "CP1252"}, {"windows1253", "CP1253"}, {"windows1254", "CP1254"},
	{"windows1255", "CP1255"}, {"windows1256", "CP1256"}, {"windows1257", "CP1257"}, {"windows1258", "CP1258"},
	{"koi8r", "KOI8-R"}, {"koi8", "KOI8-R"}, {"koi8u", "KOI8-U"}, {"koi8ru", "KOI8-U"}, {"ibm866", "CP866"}, {"cp866", "CP866"}, {"ibm437", "CP437"},
	{"cp437", "CP437"}, {"ibm850", "CP850"}, {"cp850", "CP850"}, {"ibm852", "CP852"}, {"cp852", "CP852"}, {"ibm855", "CP855"}, {"cp855", "CP855"},
	{"macintosh", "MACINTOSH"}, {"macroman", "MACINTOSH"}, {"maccyrillic", "MAC-CYRILLIC"}, {"viscii", "VISCII"}, {"armscii8", "ARMSCII-8"},
	{"gb2312", "GB18030", DAMAGE_PAIR}, {"gb231280", "GB18030", DAMAGE_PAIR}, {"gbk", "GB18030", DAMAGE_PAIR}, {"cp936", "GB18030", DAMAGE_PAIR},
	{"gb18030", "GB18030", DAMAGE_PAIR}, {"euccn", "GB18030", DAMAGE_PAIR}, {"big5", "BIG5-HKSCS", DAMAGE_PAIR}, {"big5hkscs", "BIG5-HKSCS", DAMAGE_PAIR},
	{"cp950", "CP950", DAMAGE_PAIR}, {"euctw", "EUC-TW", DAMAGE_PAIR}, {"shiftjis", "CP932", DAMAGE_PAIR}, {"sjis", "CP932", DAMAGE_PAIR},
	{"windows31j", "CP932", DAMAGE_PAIR}, {"cp932", "CP932", DAMAGE_PAIR}, {"mskanji", "CP932", DAMAGE_PAIR}, {"eucjp", "EUC-JP-MS", DAMAGE_PAIR},
	{"euckr", "UHC", DAMAGE_PAIR}, {"ksc56011987", "UHC", DAMAGE_PAIR}, {"ksc5601", "UHC", DAMAGE_PAIR}, {"korean", "UHC", DAMAGE_PAIR},
	{"cp949", "UHC", DAMAGE_PAIR}, {"johab", "JOHAB", DAMAGE_PAIR}, {"utf7", "UTF-7"}, {"unicode11utf7", "UTF-7"},
	{"utf16", "UTF-16", DAMAGE_16}, {"utf16le", "UTF-16LE", DAMAGE_16}, {"utf16be", "UTF-16BE", DAMAGE_16},
	{"utf32", "UTF-32", DAMAGE_32}, {"utf32le", "UTF-32LE", DAMAGE_32}, {"utf32be", "UTF-32BE", DAMAGE_32},
};

/* ---- Names ---- */

enum { KEY_MAX = 40 };

/* The letters and digits of a name, up to what can't be one's ("utf-8; format=flowed", "ISO_8859-1:1987"), without "charset" and "x"
 * before it. In `room`. */
static struct slice key_of(struct slice name, char room[KEY_MAX])
{
	size_t len = 0;
	name = slice_trim(name);
	while (name.len > 0 && strchr("\"'= ", name.at[0]))
		name = slice_skip(name, 1);
	for (size_t i = 0; i < name.len && len < KEY_MAX && name.at[i] != '\0' && !strchr(";:,\"'", name.at[i]); i++)
		if (ascii_is_alpha(name.at[i]) || ascii_is_digit(name.at[i]) || (unsigned char)name.at[i] >= 0x80 || name.at[i] == '/')
			room[len++] = ascii_lower(name.at[i]);
	struct slice key = slice_make(room, len);
	if (slice_starts(key, SLICE("charset")))
		key = slice_skip(key, 7);
	return slice_skip(key, slice_starts(key, SLICE("x")) && key.len > 2);
}

static const struct charset *find_key(struct slice key)
{
	for (size_t i = 0; i < sizeof charsets / sizeof *charsets; i++)
		if (slice_equal(key, slice_of(charsets[i].key)))
			return &charsets[i];
	return NULL;
}

/* "cp1251", "win-1251", "ms1251", "ansi1251": the pages of Windows go by many names; "8859-2" and "cp8859-2" by few. */
static const struct charset *find_page(struct slice key)
{
	size_t at = 0;
	while (at < key.len && !ascii_is_digit(key.at[at]))
		at++;
	struct slice number = slice_skip(key, at);
	char text[KEY_MAX + sizeof "windows"];
	bool iso = slice_starts(number, SLICE("8859"));
	int len = snprintf(text, sizeof text, "%s%.*s", iso ? "iso" : "windows", SLICE_ARG(number));
	return find_key(slice_make(text, len > 0 && (size_t)len < sizeof text ? (size_t)len : 0));
}

static bool is_one_of(struct slice key, const char *const *keys, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (slice_equal(key, slice_of(keys[i])))
			return true;
	return false;
}

static bool is_utf8_key(struct slice key)
{
	static const char *const keys[] = {"utf8", "unicode11utf8", "unicode20utf8", "utf8mb4", "cp65001", "windows65001", "65001"};
	return is_one_of(key, keys, sizeof keys / sizeof *keys);
}

static bool is_ascii_key(struct slice key)
{
	static const char *const keys[] = {"", "usascii", "ascii", "ansix341968", "ansix341986", "iso646us", "us", "646", "unknown8bit", "unknown", "7bit", "8bit",
					   "binary", "default", "none"};
	return is_one_of(key, keys, sizeof keys / sizeof *keys);
}

/* ---- Conversion ---- */

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

/* How much of the text, which can't be read from here on, is one character. An ASCII character behind the first byte stays. */
static size_t damaged_length(const char *at, size_t left, enum damage damage)
{
	size_t len = 1;
	if (damage == DAMAGE_16 || damage == DAMAGE_32)
		len = damage == DAMAGE_16 ? 2 : 4;
	else if (damage == DAMAGE_PAIR && (unsigned char)at[0] >= 0x80 && left > 1 && (unsigned char)at[1] >= 0x80)
		len = (unsigned char)at[0] == 0x8f && left > 2 && (unsigned char)at[2] >= 0x80 ? 3 : 2;
	return len < left ? len : left;
}

/* Converts all of `bytes`: what isn't a character of the charset shows as U+FFFD and costs at least one byte, so this ends. */
static bool convert(iconv_t converter, struct slice bytes, enum damage damage, struct buf *out)
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
		size_t lost = damaged_length(in, left, damage);
		in += lost;
		left -= lost;
	}
	char rest[64], *to = rest;
	size_t room = sizeof rest;
	iconv(converter, NULL, NULL, &to, &room);
	return buf_append(out, slice_make(rest, sizeof rest - room));
}

bool charset_convert(const char *iconv_name, struct slice bytes, struct buf *out)
{
	enum damage damage = DAMAGE_BYTE;
	for (size_t i = 0; i < sizeof charsets / sizeof *charsets; i++)
		if (strcmp(charsets[i].iconv, iconv_name) == 0)
			damage = charsets[i].damage;
	iconv_t converter = iconv_open("UTF-8", iconv_name);
	if (converter == (iconv_t)-1)
		return append_latin1(bytes, out);
	bool done = convert(converter, bytes, damage, out);
	iconv_close(converter);
	return done;
}

bool charset_is_known(struct slice name)
{
	char room[KEY_MAX];
	struct slice key = key_of(name, room);
	return is_utf8_key(key) || is_ascii_key(key) || charset_is_shifted(key) || find_key(key) || find_page(key);
}

bool charset_is_wide(struct slice name)
{
	char room[KEY_MAX];
	const struct charset *charset = find_key(key_of(name, room));
	return charset && (charset->damage == DAMAGE_16 || charset->damage == DAMAGE_32);
}

bool charset_to_utf8(struct slice name, struct slice bytes, struct buf *out)
{
	char room[KEY_MAX];
	struct slice key = key_of(name, room);
	bool ascii = is_ascii_key(key), shifted = charset_is_shifted(key);
	if (is_utf8_key(key))
		return text_append_utf8(bytes, out);
	/* What says to be of 7 bits and isn't is UTF-8 if it can be. */
	if (ascii || ((shifted || slice_equal(key, SLICE("utf7"))) && !slice_is_ascii(bytes) && slice_is_utf8(bytes)))
		return text_append_unknown(bytes, out);
	if (shifted)
		return charset_convert_shifted(key, bytes, out);
	const struct charset *charset = find_key(key);
	if (!charset)
		charset = find_page(key);
	/* A name that nobody knows: windows-1252, as mail programs do, if it isn't UTF-8. */
	return charset ? charset_convert(charset->iconv, bytes, out) : text_append_unknown(bytes, out);
}
