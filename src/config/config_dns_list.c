/* Entries of the option `dns_lists`; see config_dns_list.h. */
#include "config/config_dns_list.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "config/config_settings.h"

enum { LOOPBACK_NET = 127, OCTET_BITS = 8 };

const char *const config_dns_list_kinds[CONFIG_DNS_LIST_KINDS] = {"address", "sender", "helo", "ptr", "links"};

static bool is_domain(struct slice name) { return config_is_dns_name(name, CONFIG_DNS_LIST_ZONE_MAX); }

/* ---- Answers ---- */

static bool take_address(struct slice text, uint32_t *address)
{
	struct in_addr parsed;
	char copy[INET_ADDRSTRLEN];
	if (text.len >= sizeof copy || slice_find_char(text, '\0') != SLICE_NONE)
		return false;
	snprintf(copy, sizeof copy, "%.*s", SLICE_ARG(text));
	*address = inet_pton(AF_INET, copy, &parsed) == 1 ? ntohl(parsed.s_addr) : 0;
	return *address >> 3 * OCTET_BITS == LOOPBACK_NET;
}

/* "127.0.0.x&6": one of these bits in the octet at x. */
static bool take_bits(struct slice form, struct slice mask, struct config_dns_list_answer *answer)
{
	size_t x = slice_find_char(form, 'x');
	unsigned after = 0; /* octets behind x */
	uint64_t bits;
	char plain[INET_ADDRSTRLEN];
	if (x == SLICE_NONE || form.len >= sizeof plain || !slice_to_number(mask, 255, &bits) || bits == 0)
		return false;
	for (size_t i = x; i < form.len; i++)
		after += form.at[i] == '.';
	snprintf(plain, sizeof plain, "%.*s0%.*s", (int)x, form.at, SLICE_ARG(slice_skip(form, x + 1)));
	answer->bits = (uint32_t)bits << after * OCTET_BITS;
	answer->last = 0xffU << after * OCTET_BITS; /* which bits the form leaves open */
	return take_address(slice_of(plain), &answer->first) && (answer->first & answer->last) == 0;
}

static bool take_answer(struct slice text, struct config_dns_list *list)
{
	struct config_dns_list_answer *answer = &list->answers[list->answer_count];
	struct slice range, points, from, to;
	if (list->answer_count == CONFIG_DNS_LIST_ANSWERS_MAX)
		return false;
	*answer = (struct config_dns_list_answer){.points = list->points};
	if (slice_cut(text, ':', &range, &points) && !config_parse_points(points, &answer->points))
		return false;
	list->answer_count++;
	if (slice_cut(range, '&', &from, &to))
		return take_bits(from, to, answer);
	bool two = slice_cut(range, '-', &from, &to);
	return take_address(from, &answer->first) && take_address(two ? to : from, &answer->last) && answer->first <= answer->last;
}

/* ---- Settings ---- */

static bool set_answers(struct slice value, void *target)
{
	struct config_dns_list *list = target;
	struct slice one;
	bool more = true, good = true;
	while (good && more) {
		more = slice_cut(value, ',', &one, &value);
		good = take_answer(one, list);
	}
	return good;
}

static bool take_kind(struct slice name, unsigned *kinds)
{
	for (unsigned i = 0; i < CONFIG_DNS_LIST_KINDS; i++)
		if (slice_equal(name, slice_of(config_dns_list_kinds[i]))) {
			*kinds |= 1U << i;
			return true;
		}
	return false;
}

static bool set_kind(struct slice value, void *target)
{
	struct config_dns_list *list = target;
	struct slice one;
	bool more = true, good = true;
	list->kinds = 0;
	while (good && more) {
		more = slice_cut(value, ',', &one, &value);
		good = take_kind(one, &list->kinds);
	}
	unsigned address = 1U << CONFIG_DNS_LIST_ADDRESS;
	return good && (!(list->kinds & address) || list->kinds == address);
}

static bool set_do(struct slice value, void *target)
{
	struct config_dns_list *list = target;
	static const char *const deeds[] = {"points", "reject", "permit"};
	for (int i = 0; i < (int)(sizeof deeds / sizeof *deeds); i++)
		if (slice_equal(value, slice_of(deeds[i]))) {
			list->deed = (enum config_dns_list_deed)i;
			return true;
		}
	return false;
}

static bool set_test(struct slice value, void *target)
{
	struct config_dns_list *list = target;
	list->untested = slice_equal(value, SLICE("none"));
	list->test = list->untested ? slice_make(NULL, 0) : value;
	return is_domain(value);
}

static const struct config_setting settings[] = {
	{"kind", set_kind, "address, or one or more of sender, helo, ptr and links, with commas"},
	{"answers", set_answers, "at most 16 of 127.0.0.2, 127.0.0.2-127.0.0.11 and 127.0.0.x&6, each with :POINTS if need be, with commas"},
	{"do", set_do, "points, reject or permit"},
	{"test", set_test, "a name that must be listed, or none"},
};

bool config_parse_dns_list(struct slice entry, struct config_dns_list *list, struct error *error)
{
	struct slice rest = entry, word;
	*list = (struct config_dns_list){.kinds = 1U << CONFIG_DNS_LIST_ADDRESS};
	list->zone = config_next_word(&rest);
	if (!is_domain(list->zone))
		return error_set(error, ERROR_INVALID, "\"%.*s\" is not the name of a list such as zen.spamhaus.org", SLICE_ARG(list->zone));
	word = config_next_word(&rest);
	if (!config_parse_points(word, &list->points))
		return error_set(error, ERROR_INVALID, "\"%.*s\" is not a number of points such as 4.5, or -2 for a list of the good", SLICE_ARG(word));
	return config_take_settings(rest, settings, sizeof settings / sizeof *settings, "a list", list, error);
}
