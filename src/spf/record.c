/* Reading an SPF record term by term (RFC 7208 §4.5, §4.6.1, §5, §6). Nothing is kept: a record is gone through once to see that all of it
 * is sound, and once more to evaluate it. */
#include "spf/internal.h"

#include <arpa/inet.h>
#include <string.h>

enum { BITS4 = 32, BITS6 = 128 };

enum wants { WANTS_NOTHING, WANTS_DOMAIN, MAY_HAVE_DOMAIN, WANTS_ADDRESS };

static const struct mechanism {
	const char *name;
	enum spf_kind kind;
	enum wants wants;
	bool prefix;
} mechanisms[] = {
	{"all", SPF_ALL, WANTS_NOTHING, false},        {"include", SPF_INCLUDE, WANTS_DOMAIN, false},
	{"a", SPF_A, MAY_HAVE_DOMAIN, true},           {"mx", SPF_MX, MAY_HAVE_DOMAIN, true},
	{"ptr", SPF_PTR, MAY_HAVE_DOMAIN, false},      {"ip4", SPF_IP4, WANTS_ADDRESS, true},
	{"ip6", SPF_IP6, WANTS_ADDRESS, true},         {"exists", SPF_EXISTS, WANTS_DOMAIN, false},
};

bool spf_record_is(struct slice text, struct slice *terms)
{
	struct slice version = SLICE("v=spf1");
	*terms = slice_skip(text, version.len);
	return slice_starts_nocase(text, version) && (terms->len == 0 || terms->at[0] == ' ');
}

/* "0" to "128", without zeros before. */
static bool read_prefix(struct slice digits, unsigned most, unsigned *prefix)
{
	uint64_t number;
	bool good = slice_to_number(digits, most, &number) && (digits.len == 1 || digits.at[0] != '0');
	if (good)
		*prefix = (unsigned)number;
	return good;
}

/* The digits at the end of `text`, if `mark` stands before them. */
static bool cut_prefix(struct slice *text, struct slice mark, struct slice *digits)
{
	size_t len = 0;
	while (len < text->len && ascii_is_digit(text->at[text->len - 1 - len]))
		len++;
	size_t before = text->len - len;
	if (len == 0 || before < mark.len || !slice_equal(slice_sub(*text, before - mark.len, mark.len), mark))
		return false;
	*digits = slice_skip(*text, before);
	*text = slice_sub(*text, 0, before - mark.len);
	return true;
}

/* Takes a dual-cidr-length off the end of what follows a mechanism's name. */
static bool read_prefixes(struct slice *rest, struct spf_term *term)
{
	struct slice digits;
	if (cut_prefix(rest, SLICE("//"), &digits) && !read_prefix(digits, BITS6, &term->prefix6))
		return false;
	return !cut_prefix(rest, SLICE("/"), &digits) || read_prefix(digits, BITS4, &term->prefix4);
}

static bool read_address(struct slice text, struct spf_term *term)
{
	char address[INET6_ADDRSTRLEN];
	struct slice digits;
	bool six = term->kind == SPF_IP6;
	if (cut_prefix(&text, SLICE("/"), &digits) && !read_prefix(digits, six ? BITS6 : BITS4, six ? &term->prefix6 : &term->prefix4))
		return false;
	if (text.len >= sizeof address || slice_find_char(text, '\0') != SLICE_NONE)
		return false;
	memcpy(address, text.at, text.len);
	address[text.len] = '\0';
	return inet_pton(six ? AF_INET6 : AF_INET, address, term->network) == 1;
}

/* `rest`: what follows the name, with its colon or slash. */
static bool read_argument(const struct mechanism *mechanism, struct slice rest, struct spf_term *term)
{
	bool colon = rest.len > 0 && rest.at[0] == ':';
	if (mechanism->wants == WANTS_ADDRESS)
		return colon && read_address(slice_skip(rest, 1), term);
	if (mechanism->prefix && !read_prefixes(&rest, term))
		return false;
	term->domain = colon ? slice_skip(rest, 1) : slice_sub(rest, 0, 0);
	if (rest.len == 0)
		return mechanism->wants != WANTS_DOMAIN;
	return colon && mechanism->wants != WANTS_NOTHING && spf_macro_is_domain(term->domain);
}

static bool read_mechanism(struct slice text, struct spf_term *term)
{
	size_t len = 0;
	term->qualifier = '+';
	if (text.len > 0 && text.at[0] != '\0' && strchr("+-?~", text.at[0])) {
		term->qualifier = text.at[0];
		text = slice_skip(text, 1);
	}
	while (len < text.len && text.at[len] != ':' && text.at[len] != '/')
		len++;
	for (size_t i = 0; i < sizeof mechanisms / sizeof *mechanisms; i++)
		if (slice_equal_nocase(slice_sub(text, 0, len), slice_of(mechanisms[i].name))) {
			term->kind = mechanisms[i].kind;
			return read_argument(&mechanisms[i], slice_skip(text, len), term);
		}
	return false;
}

/* Length of the name of a modifier, if `text` is one. */
static size_t modifier_name(struct slice text)
{
	size_t len = 0;
	while (len < text.len && (ascii_is_alpha(text.at[len]) || (len > 0 && (ascii_is_digit(text.at[len]) || (text.at[len] != '\0' && strchr("-_.", text.at[len]))))))
		len++;
	return len < text.len && text.at[len] == '=' ? len : 0;
}

static bool read_modifier(struct slice text, size_t name, struct spf_term *term)
{
	struct slice value = slice_skip(text, name + 1);
	bool redirect = slice_equal_nocase(slice_sub(text, 0, name), SLICE("redirect"));
	bool exp = slice_equal_nocase(slice_sub(text, 0, name), SLICE("exp"));
	term->kind = redirect ? SPF_REDIRECT : exp ? SPF_EXP : SPF_UNKNOWN;
	term->domain = value;
	return term->kind == SPF_UNKNOWN ? spf_macro_is_string(value, true) : spf_macro_is_domain(value);
}

bool spf_record_next(struct slice *terms, struct spf_term *term, bool *broken)
{
	size_t len = 0;
	*broken = false;
	while (terms->len > 0 && terms->at[0] == ' ')
		*terms = slice_skip(*terms, 1);
	if (terms->len == 0)
		return false;
	while (len < terms->len && terms->at[len] != ' ')
		len++;
	*term = (struct spf_term){.text = slice_sub(*terms, 0, len), .prefix4 = BITS4, .prefix6 = BITS6};
	*terms = slice_skip(*terms, len);
	size_t name = modifier_name(term->text);
	*broken = name > 0 ? !read_modifier(term->text, name, term) : !read_mechanism(term->text, term);
	return !*broken;
}
