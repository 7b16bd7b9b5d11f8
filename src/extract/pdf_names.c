/* Names of glyphs (as Adobe's glyph list has them) and encodings of bytes (ISO 32000-1, annex D). Accents of letters are told behind them, as
 * characters of their own: who looks for words takes them away. */
#include <stdlib.h>

#include "extract/pdf.h"

struct named { const char *name; uint32_t character; };

static const struct named glyphs[] = {
	{"AE", 0xc6}, {"Dcroat", 0x110}, {"Eth", 0xd0}, {"Euro", 0x20ac}, {"Lslash", 0x141}, {"OE", 0x152}, {"Oslash", 0xd8}, {"Thorn", 0xde}, {"ae", 0xe6},
	{"ampersand", '&'}, {"asterisk", '*'}, {"at", '@'}, {"bullet", 0x2022}, {"colon", ':'}, {"comma", ','}, {"dcroat", 0x111}, {"dollar", '$'}, {"dotlessi", 0x131},
	{"dotlessj", 0x237}, {"eight", '8'}, {"ellipsis", 0x2026}, {"emdash", 0x2014}, {"endash", 0x2013}, {"equal", '='}, {"eth", 0xf0}, {"exclam", '!'}, {"ff", 0xfb00},
	{"ffi", 0xfb03}, {"ffl", 0xfb04}, {"fi", 0xfb01}, {"five", '5'}, {"fl", 0xfb02}, {"four", '4'}, {"germandbls", 0xdf}, {"guillemotleft", 0xab}, {"guillemotright", 0xbb},
	{"hyphen", '-'}, {"lslash", 0x142}, {"minus", '-'}, {"nbspace", ' '}, {"nine", '9'}, {"numbersign", '#'}, {"oe", 0x153}, {"one", '1'}, {"oslash", 0xf8},
	{"parenleft", '('}, {"parenright", ')'}, {"percent", '%'}, {"period", '.'}, {"plus", '+'}, {"question", '?'}, {"quotedbl", '"'}, {"quotedblleft", 0x201c},
	{"quotedblright", 0x201d}, {"quoteleft", 0x2018}, {"quoteright", 0x2019}, {"quotesingle", '\''}, {"section", 0xa7}, {"semicolon", ';'}, {"seven", '7'}, {"six", '6'},
	{"slash", '/'}, {"space", ' '}, {"thorn", 0xfe}, {"three", '3'}, {"two", '2'}, {"underscore", '_'}, {"zero", '0'},
};

static const struct named accents[] = {
	{"acute", 0x301}, {"breve", 0x306}, {"caron", 0x30c}, {"cedilla", 0x327}, {"circumflex", 0x302}, {"commaaccent", 0x326}, {"dieresis", 0x308}, {"dotaccent", 0x307},
	{"grave", 0x300}, {"hungarumlaut", 0x30b}, {"macron", 0x304}, {"ogonek", 0x328}, {"ring", 0x30a}, {"tilde", 0x303},
};

static const char *const greek[] = { /* from U+0391 and U+03b1 on */
	"alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu", "xi", "omicron", "pi", "rho", "sigma1", "sigma", "tau",
	"upsilon", "phi", "chi", "psi", "omega",
};

static uint32_t find(const struct named *list, size_t count, struct slice name)
{
	size_t low = 0, high = count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = slice_compare(name, slice_of(list[middle].name));
		if (order == 0)
			return list[middle].character;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return 0;
}

static uint32_t find_greek(struct slice name)
{
	for (size_t i = 0; name.len > 1 && i < sizeof greek / sizeof *greek; i++)
		if (slice_equal(slice_skip(name, 1), slice_of(greek[i] + 1)) && ascii_lower(name.at[0]) == greek[i][0])
			return (ascii_lower(name.at[0]) == name.at[0] ? 0x3b1 : 0x391) + (uint32_t)i;
	return 0;
}

/* afii10017 and the like: Cyrillic, in the order of the alphabet, with Ё and ё behind Е and е. */
static uint32_t find_cyrillic(struct slice name)
{
	uint64_t n;
	if (!slice_starts(name, SLICE("afii")) || !slice_to_number(slice_skip(name, 4), 99999, &n))
		return 0;
	uint32_t number = (uint32_t)n, small = number >= 10065 ? 48 : 0, place = number - 10017 - small;
	if (number >= 10017 && number <= 10097 && place <= 32)
		return place == 6 ? (small ? 0x451 : 0x401) : 0x410 + (small ? 0x20 : 0) + place - (place > 6);
	if (number >= 10051 && number <= 10061)
		return 0x402 + number - 10051;
	if (number >= 10099 && number <= 10109)
		return 0x452 + number - 10099;
	switch (number) {
	case 10050: return 0x490;
	case 10062: return 0x40e;
	case 10098: return 0x491;
	case 10110: return 0x45e;
	case 10145: return 0x40f;
	case 10193: return 0x45f;
	default: return 0;
	}
}

/* uni0416, u1F600 */
static uint32_t find_number(struct slice name)
{
	uint32_t number = 0;
	bool four = slice_starts(name, SLICE("uni"));
	struct slice digits = slice_skip(name, four ? 3 : 1);
	if (name.len == 0 || name.at[0] != 'u' || digits.len < 4 || digits.len > 6)
		return 0;
	for (size_t i = 0; i < digits.len; i++) {
		if (ascii_hex_value(digits.at[i]) < 0)
			return 0;
		number = number * 16 + (uint32_t)ascii_hex_value(digits.at[i]);
	}
	return number;
}

static void put_part(struct slice name, struct buf *out)
{
	uint32_t character = name.len == 1 && ascii_is_alpha(name.at[0]) ? (unsigned char)name.at[0] : find(glyphs, sizeof glyphs / sizeof *glyphs, name);
	uint32_t accent = name.len > 1 && ascii_is_alpha(name.at[0]) ? find(accents, sizeof accents / sizeof *accents, slice_skip(name, 1)) : 0;
	if (character == 0 && accent != 0) {
		buf_append_char(out, name.at[0]);
		character = accent;
	}
	if (character == 0)
		character = find_cyrillic(name);
	if (character == 0)
		character = find_number(name);
	pdf_put_character(out, character != 0 ? character : find_greek(name));
}

/* "f_f_i", "one.oldstyle" */
void pdf_put_glyph(struct slice name, struct buf *out)
{
	struct slice rest, part;
	slice_cut(name, '.', &rest, &part);
	while (rest.len > 0) {
		slice_cut(rest, '_', &part, &rest);
		put_part(part, out);
	}
}

/* ---- encodings ---- */

static uint32_t windows(unsigned char byte)
{
	static const uint16_t high[32] = {0x20ac, 0, 0x201a, 0x192, 0x201e, 0x2026, 0x2020, 0x2021, 0x2c6, 0x2030, 0x160, 0x2039, 0x152, 0, 0x17d, 0,
		0, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x2dc, 0x2122, 0x161, 0x203a, 0x153, 0, 0x17e, 0x178};
	return byte >= 0x80 && byte < 0xa0 ? high[byte - 0x80] : byte;
}

static uint32_t macintosh(unsigned char byte)
{
	static const uint16_t high[128] = {
		0xc4, 0xc5, 0xc7, 0xc9, 0xd1, 0xd6, 0xdc, 0xe1, 0xe0, 0xe2, 0xe4, 0xe3, 0xe5, 0xe7, 0xe9, 0xe8, 0xea, 0xeb, 0xed, 0xec, 0xee, 0xef, 0xf1, 0xf3, 0xf2, 0xf4, 0xf6, 0xf5,
		0xfa, 0xf9, 0xfb, 0xfc, 0x2020, 0xb0, 0xa2, 0xa3, 0xa7, 0x2022, 0xb6, 0xdf, 0xae, 0xa9, 0x2122, 0xb4, 0xa8, 0x2260, 0xc6, 0xd8, 0x221e, 0xb1, 0x2264, 0x2265, 0xa5,
		0xb5, 0x2202, 0x2211, 0x220f, 0x3c0, 0x222b, 0xaa, 0xba, 0x3a9, 0xe6, 0xf8, 0xbf, 0xa1, 0xac, 0x221a, 0x192, 0x2248, 0x2206, 0xab, 0xbb, 0x2026, 0xa0, 0xc0, 0xc3,
		0xd5, 0x152, 0x153, 0x2013, 0x2014, 0x201c, 0x201d, 0x2018, 0x2019, 0xf7, 0x25ca, 0xff, 0x178, 0x2044, 0x20ac, 0x2039, 0x203a, 0xfb01, 0xfb02, 0x2021, 0xb7, 0x201a,
		0x201e, 0x2030, 0xc2, 0xca, 0xc1, 0xcb, 0xc8, 0xcd, 0xce, 0xcf, 0xcc, 0xd3, 0xd4, 0, 0xd2, 0xda, 0xdb, 0xd9, 0x131, 0x2c6, 0x2dc, 0xaf, 0x2d8, 0x2d9, 0x2da, 0xb8,
		0x2dd, 0x2db, 0x2c7};
	return byte >= 0x80 ? high[byte - 0x80] : byte;
}

static uint32_t standard(unsigned char byte)
{
	static const struct { unsigned char byte; uint16_t character; } others[] = {
		{0x27, 0x2019}, {0x60, 0x2018}, {0xa1, 0xa1}, {0xa2, 0xa2}, {0xa3, 0xa3}, {0xa5, 0xa5}, {0xa6, 0x192}, {0xa7, 0xa7}, {0xa9, '\''}, {0xaa, 0x201c}, {0xab, 0xab},
		{0xac, 0x2039}, {0xad, 0x203a}, {0xae, 0xfb01}, {0xaf, 0xfb02}, {0xb1, 0x2013}, {0xb7, 0x2022}, {0xb8, 0x201a}, {0xb9, 0x201e}, {0xba, 0x201d}, {0xbb, 0xbb},
		{0xbc, 0x2026}, {0xbf, 0xbf}, {0xd0, 0x2014}, {0xe1, 0xc6}, {0xe3, 0xaa}, {0xe8, 0x141}, {0xe9, 0xd8}, {0xea, 0x152}, {0xeb, 0xba}, {0xf1, 0xe6}, {0xf5, 0x131},
		{0xf8, 0x142}, {0xf9, 0xf8}, {0xfa, 0x153}, {0xfb, 0xdf}};
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (others[i].byte == byte)
			return others[i].character;
	return byte < 0x80 ? byte : ' ';
}

uint32_t pdf_encoded(struct slice encoding, unsigned char byte)
{
	if (byte < ' ')
		return ' ';
	if (slice_equal(encoding, SLICE("MacRomanEncoding")))
		return macintosh(byte);
	return slice_equal(encoding, SLICE("StandardEncoding")) ? standard(byte) : windows(byte);
}
