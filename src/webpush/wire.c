/* Messages, and what came of them, between the web role and the push role; URLs; Retry-After. Both ends read strictly: the other may have been taken over. */
#include "base/wire.h"
#include "message/date.h"
#include "webpush/webpush.h"

const char *const webpush_urgency_names[WEBPUSH_URGENCIES] = {"very-low", "low", "normal", "high"};

bool webpush_urgency_parse(struct slice name, enum webpush_urgency *urgency)
{
	for (unsigned i = 0; i < WEBPUSH_URGENCIES; i++)
		if (slice_equal(name, slice_of(webpush_urgency_names[i]))) {
			*urgency = (enum webpush_urgency)i;
			return true;
		}
	return false;
}

/* ---- URLs ---- */

static bool is_host_character(char c) { return ascii_is_alpha(c) || ascii_is_digit(c) || c == '-' || c == '.'; }

/* Labels, not empty and without a dot at the end; or an address in brackets. */
static bool is_host(struct slice host)
{
	bool address = host.len > 2 && host.at[0] == '[' && host.at[host.len - 1] == ']';
	size_t label = 0;
	if (host.len == 0 || host.len > 253)
		return false;
	for (size_t i = address ? 1 : 0; i < host.len - (address ? 1 : 0); i++) {
		char c = host.at[i];
		if (address ? ascii_hex_value(c) < 0 && c != ':' && c != '.' : !is_host_character(c) || (c == '.' && label == 0))
			return false;
		label = c == '.' ? 0 : label + 1;
	}
	return address || label > 0;
}

/* ":443" may be said, and be empty. */
static bool read_port(struct slice text, uint64_t *port)
{
	*port = 443;
	return text.len == 0 || (slice_to_number(text, UINT16_MAX, port) && *port > 0);
}

static void split_authority(struct slice authority, struct slice *host, struct slice *port)
{
	size_t bracket = slice_find_last_char(authority, ']'), colon = slice_find_last_char(authority, ':');
	bool has_port = colon != SLICE_NONE && (bracket == SLICE_NONE || colon > bracket);
	*host = has_port ? slice_sub(authority, 0, colon) : authority;
	*port = has_port ? slice_skip(authority, colon + 1) : slice_make("", 0);
}

bool webpush_url_check(struct slice url, struct arena *arena, struct slice *origin)
{
	static const struct slice scheme = {"https://", 8};
	struct slice host, port_text;
	uint64_t port;
	if (url.len > WEBPUSH_URL_MAX || !slice_is_printable(url) || !slice_starts_nocase(url, scheme))
		return false;
	for (size_t i = 0; i < url.len; i++)
		if (url.at[i] == ' ' || url.at[i] == '"' || url.at[i] == '\\' || url.at[i] == '<' || url.at[i] == '>' || url.at[i] == '#')
			return false;
	struct slice authority = slice_skip(url, scheme.len);
	for (size_t i = 0; i < authority.len; i++)
		if (authority.at[i] == '/' || authority.at[i] == '?')
			authority.len = i;
	split_authority(authority, &host, &port_text);
	if (!is_host(host) || !read_port(port_text, &port))
		return false;
	char *lower = arena_text(arena, host);
	for (size_t i = 0; i < host.len; i++)
		lower[i] = ascii_lower(lower[i]);
	*origin = port == 443 ? arena_printf(arena, "https://%s", lower) : arena_printf(arena, "https://%s:%u", lower, (unsigned)port);
	return true;
}

struct slice webpush_origin_host(struct slice origin)
{
	struct slice host, port;
	split_authority(slice_skip(origin, sizeof "https://" - 1), &host, &port);
	return host.len > 2 && host.at[0] == '[' ? slice_sub(host, 1, host.len - 2) : host;
}

/* ---- Messages ---- */

void webpush_message_encode(const struct webpush_message *message, struct buf *out)
{
	wire_put_text(out, message->url);
	wire_put_text(out, message->authorization);
	wire_put_text(out, message->body);
	wire_put_number(out, message->encrypted);
	wire_put_number(out, message->ttl);
	wire_put_number(out, message->urgency);
}

/* The field stands in a header as it is. */
bool webpush_message_decode(struct slice text, struct webpush_message *message)
{
	struct wire_reader reader = {.rest = text};
	*message = (struct webpush_message){.url = wire_text(&reader, WEBPUSH_URL_MAX)};
	message->authorization = wire_text(&reader, WEBPUSH_FIELD_MAX);
	message->body = wire_text(&reader, WEBPUSH_BODY_MAX);
	message->encrypted = wire_flag(&reader);
	message->ttl = (uint32_t)wire_number(&reader, UINT32_MAX);
	message->urgency = (enum webpush_urgency)wire_number(&reader, WEBPUSH_URGENCIES - 1);
	return wire_end(&reader) && slice_is_printable(message->url) && slice_is_printable(message->authorization);
}

void webpush_answer_encode(const struct webpush_answer *answer, struct buf *out)
{
	wire_put_number(out, answer->status);
	wire_put_number(out, answer->retry_after);
	wire_put_text(out, slice_sub(answer->why, 0, WEBPUSH_WHY_MAX));
}

bool webpush_answer_decode(struct slice text, struct webpush_answer *answer)
{
	struct wire_reader reader = {.rest = text};
	answer->status = (unsigned)wire_number(&reader, 999);
	answer->retry_after = (uint32_t)wire_number(&reader, WEBPUSH_RETRY_MAX);
	answer->why = wire_text(&reader, WEBPUSH_WHY_MAX);
	return wire_end(&reader);
}

/* ---- Retry-After ---- */

uint32_t webpush_retry_after(struct slice value, int64_t now)
{
	uint64_t seconds;
	int64_t when;
	bool digits = value.len > 0;
	for (size_t i = 0; i < value.len; i++)
		digits = digits && ascii_is_digit(value.at[i]);
	if (digits)
		return slice_to_number(value, WEBPUSH_RETRY_MAX, &seconds) ? (uint32_t)seconds : WEBPUSH_RETRY_MAX;
	if (!date_parse(value, &when, NULL) || when <= now)
		return 0;
	return when - now < WEBPUSH_RETRY_MAX ? (uint32_t)(when - now) : WEBPUSH_RETRY_MAX;
}
