/* Domains: host names as mail uses them, U-labels and A-labels (IDNA 2008, RFC 5890), address literals (RFC 5321 §4.1.3).
 * What can't be converted is left as it is: a name that IDNA refuses is still a name that can be compared. */
#include "message/address.h"

#include <arpa/inet.h>
#include <idn2.h>

#include "message/text.h"

enum { DOMAIN_LABEL_MAX = 63, DOMAIN_NAME_MAX = 253 }; /* RFC 1035 §2.3.4, without the root's dot and length */

/* Letters, digits and hyphens; and underscores, which no host name has by the RFC, and the names of many machines have. */
static bool label_is_ldh(struct slice label)
{
	if (label.len == 0 || label.len > DOMAIN_LABEL_MAX || label.at[0] == '-' || label.at[label.len - 1] == '-')
		return false;
	for (size_t i = 0; i < label.len; i++)
		if (!ascii_is_alpha(label.at[i]) && !ascii_is_digit(label.at[i]) && label.at[i] != '-' && label.at[i] != '_')
			return false;
	return true;
}

static bool domain_is_ldh(struct slice domain)
{
	if (domain.len > DOMAIN_NAME_MAX)
		return false;
	struct slice label;
	bool more = true;
	while (more) {
		more = slice_cut(domain, '.', &label, &domain);
		if (!label_is_ldh(label))
			return false;
	}
	return true;
}

/* Non-transitional: "ß" is a letter of its own, as IDNA 2008 has it. */
static struct slice to_a_labels(struct slice domain, struct arena *arena)
{
	struct slice none = {NULL, 0};
	if (domain.len > ADDRESS_DOMAIN_MAX || slice_find_char(domain, '\0') != SLICE_NONE || !slice_is_utf8(domain))
		return none;
	const char *text = arena_text(arena, domain);
	uint8_t *found = NULL;
	if (idn2_lookup_u8((const uint8_t *)text, &found, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK)
		return none;
	struct slice result = text_lower_ascii(slice_of((const char *)found), arena);
	idn2_free(found);
	return domain_is_ldh(result) ? result : none;
}

struct slice domain_to_ascii(struct slice domain, struct arena *arena)
{
	if (!slice_is_ascii(domain))
		return to_a_labels(domain, arena);
	return domain_is_ldh(domain) ? text_lower_ascii(domain, arena) : slice_make(NULL, 0);
}

/* Turns A-labels into U-labels, but only if they turn back into the same: a forged "xn--" name stays what it is. */
static struct slice to_u_labels(struct slice ascii, struct arena *arena)
{
	char *found = NULL;
	if (idn2_to_unicode_8z8z(arena_text(arena, ascii), &found, 0) != IDN2_OK)
		return ascii;
	struct slice unicode = arena_copy(arena, slice_of(found));
	idn2_free(found);
	return slice_equal(to_a_labels(unicode, arena), ascii) ? unicode : ascii;
}

struct slice domain_canonical(struct slice domain, struct arena *arena)
{
	if (slice_is_ascii(domain) && slice_find_nocase(domain, SLICE("xn--")) == SLICE_NONE)
		return text_lower_ascii(domain, arena);
	struct slice ascii = domain_to_ascii(domain, arena);
	/* What IDNA refuses keeps its letters: lower-casing could turn it into the name of another. */
	return ascii.len > 0 ? to_u_labels(ascii, arena) : text_lower_ascii(domain, arena);
}

bool domain_is_valid(struct slice domain, bool utf8)
{
	if (slice_is_ascii(domain))
		return domain_is_ldh(domain);
	if (!utf8)
		return false;
	struct arena *arena = arena_new();
	bool valid = to_a_labels(domain, arena).len > 0;
	arena_free(&arena);
	return valid;
}

bool domain_is_literal(struct slice domain)
{
	char text[INET6_ADDRSTRLEN];
	unsigned char address[sizeof(struct in6_addr)];
	if (domain.len < 2 || domain.at[0] != '[' || domain.at[domain.len - 1] != ']')
		return false;
	struct slice inside = slice_sub(domain, 1, domain.len - 2);
	bool six = slice_starts_nocase(inside, SLICE("IPv6:"));
	if (six)
		inside = slice_skip(inside, 5);
	if (inside.len >= sizeof text || slice_find_char(inside, '\0') != SLICE_NONE)
		return false;
	memcpy(text, inside.at, inside.len);
	text[inside.len] = '\0';
	return inet_pton(six ? AF_INET6 : AF_INET, text, address) == 1;
}
