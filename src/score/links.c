/* Where the links of a message lead, and what they say of it. */
#include "score/internal.h"

enum { LINKS_MAX = 200, HOST_MAX = 255 };

static const char shorteners[] = "bit.ly tinyurl.com goo.gl t.co ow.ly is.gd buff.ly rebrand.ly cutt.ly rb.gy t.ly shorturl.at tiny.cc bl.ink s.id v.gd clck.ru u.to";

/* "192.0.2.1", "[2001:db8::1]", "3221225985", "0xc0000201". */
static bool is_number(struct slice host)
{
	bool digits = host.len > 0;
	if (host.len > 0 && host.at[0] == '[')
		return true;
	for (size_t i = 0; i < host.len; i++)
		digits &= ascii_is_digit(host.at[i]) || host.at[i] == '.' || (slice_starts(host, SLICE("0x")) && ascii_hex_value(host.at[i]) >= 0) || (i == 1 && host.at[i] == 'x');
	return digits;
}

/* Between the slashes and the path. */
static struct slice authority_of(struct slice url)
{
	size_t slashes = slice_find(slice_sub(url, 0, 16), SLICE("//")), end = 0;
	struct slice rest = slashes == SLICE_NONE ? SLICE("") : slice_skip(url, slashes + 2);
	while (end < rest.len && !strchr("/?#\\", rest.at[end]))
		end++;
	return slice_sub(rest, 0, end);
}

static bool has_odd_port(struct slice authority)
{
	size_t colon = slice_find_last_char(authority, ':');
	uint64_t port;
	return colon != SLICE_NONE && slice_to_number(slice_skip(authority, colon + 1), UINT16_MAX, &port) && port != 80 && port != 443 && port != 8080 && port != 8443;
}

/* The host that a link's text names: a word with a dot that begins like a URL, or is all of it. */
static struct slice named_host(struct slice text, struct arena *arena)
{
	text = slice_trim(text);
	if (text.len == 0 || text.len > HOST_MAX || slice_find_char(text, ' ') != SLICE_NONE || slice_find_char(text, '@') != SLICE_NONE ||
	    slice_find_char(text, '\n') != SLICE_NONE)
		return SLICE("");
	bool url = slice_starts_nocase(text, SLICE("http://")) || slice_starts_nocase(text, SLICE("https://")) || slice_starts_nocase(text, SLICE("www."));
	return url ? shown_host(text, arena) : SLICE("");
}

static bool names_another(const struct shown_link *link, struct slice host, struct arena *arena)
{
	struct slice named = link->html ? named_host(link->text, arena) : SLICE("");
	return named.len > 0 && host.len > 0 && slice_find_char(named, '.') != SLICE_NONE && !slice_equal_nocase(score_registered(named), score_registered(host));
}

/* "tel:", "mailto:" and the like lead to no host. */
static bool leads_to_host(struct slice url)
{
	return slice_starts_nocase(url, SLICE("http:")) || slice_starts_nocase(url, SLICE("https:")) || slice_starts(url, SLICE("//")) || slice_starts_nocase(url, SLICE("www."));
}

static void judge_link(struct score_message *message, const struct shown_link *link)
{
	struct slice host = slice_sub(shown_host(link->target, message->arena), 0, HOST_MAX), authority = authority_of(link->target);
	size_t user = slice_find_char(authority, '@');
	message->holds[SCORE_LINK_TEXT_ELSEWHERE] |= names_another(link, host, message->arena);
	message->holds[SCORE_LINK_NUMBER] |= is_number(host);
	message->holds[SCORE_LINK_SHORTENED] |= host.len > 0 && slice_has_word_nocase(slice_of(shorteners), host);
	message->holds[SCORE_LINK_WITH_USER] |= user != SLICE_NONE && slice_find_char(slice_sub(authority, 0, user), '.') != SLICE_NONE;
	message->holds[SCORE_LINK_LOOKALIKE] |= score_is_lookalike(host, message->arena);
	message->holds[SCORE_LINK_ENCODED_HOST] |= slice_find_char(host, '%') != SLICE_NONE;
	message->holds[SCORE_LINK_ODD_PORT] |= has_odd_port(authority);
}

void score_links(struct score_message *message)
{
	const struct shown *shown = message->facts->shown;
	for (size_t i = 0; i < shown->link_count && i < LINKS_MAX; i++)
		if (leads_to_host(shown->links[i].target))
			judge_link(message, &shown->links[i]);
}
