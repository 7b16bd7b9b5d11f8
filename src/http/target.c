/* Paths, queries, cookies, ranges: see target.h. */
#include "http/target.h"

#include <openssl/evp.h>

#include "base/memory.h"

/* Appends one byte for a character, or for %XX; returns how many characters it took, 0: they are malformed. */
static size_t decode_char(struct slice text, size_t at, char *out)
{
	if (text.at[at] != '%') {
		*out = text.at[at];
		return 1;
	}
	int high = at + 2 < text.len ? ascii_hex_value(text.at[at + 1]) : -1, low = at + 2 < text.len ? ascii_hex_value(text.at[at + 2]) : -1;
	*out = (char)(high * 16 + low);
	return high < 0 || low < 0 ? 0 : 3;
}

static bool is_dots(struct slice segment)
{
	return slice_equal(segment, SLICE(".")) || slice_equal(segment, SLICE(".."));
}

static bool has_dots(struct slice path)
{
	struct slice segment;
	for (bool more = true; more;) {
		more = slice_cut(path, '/', &segment, &path);
		if (is_dots(segment))
			return true;
	}
	return false;
}

bool http_path_decode(struct slice path, struct arena *arena, struct slice *out)
{
	char *text = arena_alloc(arena, path.len + 1);
	size_t length = 0, taken;
	for (size_t i = 0; i < path.len; i += taken) {
		taken = decode_char(path, i, &text[length]);
		if (taken == 0 || (taken == 3 && text[length] == '/') || text[length] == '\\' || (unsigned char)text[length] < ' ' || text[length] == 0x7f)
			return false;
		length++;
	}
	*out = slice_make(text, length);
	return slice_is_utf8(*out) && !has_dots(*out);
}

static bool decode_form(struct slice text, struct arena *arena, struct slice *out)
{
	char *decoded = arena_alloc(arena, text.len + 1);
	size_t length = 0, taken;
	for (size_t i = 0; i < text.len; i += taken) {
		taken = decode_char(text, i, &decoded[length]);
		if (taken == 0 || decoded[length] == '\0')
			return false;
		if (taken == 1 && decoded[length] == '+')
			decoded[length] = ' ';
		length++;
	}
	*out = slice_make(decoded, length);
	return slice_is_utf8(*out);
}

bool http_query_find(struct slice query, const char *name, struct arena *arena, struct slice *value)
{
	struct slice pair, key, rest = query;
	while (rest.len > 0) {
		slice_cut(rest, '&', &pair, &rest);
		slice_cut(pair, '=', &key, value);
		if (slice_equal_nocase(key, slice_of(name)))
			return decode_form(*value, arena, value);
	}
	return false;
}

struct slice http_host(struct slice authority)
{
	size_t colon = slice_find_last_char(authority, ':'), bracket = slice_find_last_char(authority, ']');
	if (colon != SLICE_NONE && (bracket == SLICE_NONE || colon > bracket))
		authority = slice_sub(authority, 0, colon);
	if (authority.len > 0 && authority.at[authority.len - 1] == '.')
		authority.len--;
	return authority;
}

bool http_cookie_next(struct slice *field, struct slice *name, struct slice *value)
{
	struct slice pair;
	while (field->len > 0) {
		slice_cut(*field, ';', &pair, field);
		if (slice_cut(slice_trim(pair), '=', name, value))
			return true;
	}
	return false;
}

bool http_cookie_find(struct slice field, const char *name, struct slice *value)
{
	struct slice key;
	while (http_cookie_next(&field, &key, value))
		if (slice_equal(key, slice_of(name)))
			return true;
	return false;
}

void http_seat_of(struct slice account, char out[HTTP_SEAT_SIZE + 1])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	if (EVP_Digest(account.at, account.len, digest, NULL, EVP_sha256(), NULL) != 1)
		memory_exhausted(0);
	for (size_t i = 0; i < HTTP_SEAT_SIZE / 2; i++)
		snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

bool http_is_seat(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (!((text.at[i] >= '0' && text.at[i] <= '9') || (text.at[i] >= 'a' && text.at[i] <= 'f')))
			return false;
	return text.len == HTTP_SEAT_SIZE;
}

bool http_seat_cut(struct slice *path, struct slice *seat)
{
	struct slice named = slice_sub(*path, 2, HTTP_SEAT_SIZE), rest = slice_skip(*path, 2 + HTTP_SEAT_SIZE);
	if (!slice_starts(*path, SLICE("/~")) || !http_is_seat(named) || !slice_starts(rest, SLICE("/")))
		return false;
	*seat = named;
	*path = rest;
	return true;
}

enum http_range http_range_parse(struct slice field, uint64_t size, uint64_t *first, uint64_t *count)
{
	struct slice unit, spec, from, to;
	uint64_t last = UINT64_MAX;
	if (!slice_cut(field, '=', &unit, &spec) || !slice_equal_nocase(unit, SLICE("bytes")) || !slice_cut(slice_trim(spec), '-', &from, &to))
		return HTTP_RANGE_NONE;
	if ((to.len > 0 && !slice_to_number(to, UINT64_MAX, &last)) || (from.len > 0 && !slice_to_number(from, UINT64_MAX, first)))
		return HTTP_RANGE_NONE;
	if (from.len == 0) { /* the last so many bytes */
		if (to.len == 0)
			return HTTP_RANGE_NONE;
		*count = last < size ? last : size;
		*first = size - *count;
		return *count > 0 ? HTTP_RANGE_PART : HTTP_RANGE_OUTSIDE;
	}
	if (last < *first)
		return HTTP_RANGE_NONE;
	if (*first >= size)
		return HTTP_RANGE_OUTSIDE;
	*count = (last < size - 1 ? last : size - 1) - *first + 1;
	return HTTP_RANGE_PART;
}

bool http_tags_match(struct slice list, struct slice tag)
{
	struct slice one;
	while (list.len > 0) {
		slice_cut(list, ',', &one, &list);
		one = slice_trim(one);
		if (slice_starts(one, SLICE("W/")))
			one = slice_skip(one, 2);
		if (slice_equal(one, SLICE("*")) || slice_equal(one, tag))
			return true;
	}
	return false;
}

/* "0.8", at most three digits after the point, in thousandths; more than all is all. */
static unsigned parse_weight(struct slice text)
{
	unsigned weight = 0, scale = 1000;
	for (size_t i = 0; i < text.len && scale > 0; i++) {
		if (text.at[i] == '.')
			continue;
		if (!ascii_is_digit(text.at[i]))
			return 0;
		weight += scale * (unsigned)(text.at[i] - '0');
		scale /= 10;
	}
	return weight < 1000 ? weight : 1000;
}

unsigned http_coding_weight(struct slice accept, const char *coding)
{
	struct slice one, name, parameter;
	unsigned any = 0;
	while (accept.len > 0) {
		slice_cut(accept, ',', &one, &accept);
		bool weighed = slice_cut(one, ';', &name, &parameter);
		parameter = slice_trim(parameter);
		unsigned weight = weighed && slice_starts_nocase(parameter, SLICE("q=")) ? parse_weight(slice_skip(parameter, 2)) : 1000;
		if (slice_equal_nocase(slice_trim(name), slice_of(coding)))
			return weight;
		if (slice_equal(slice_trim(name), SLICE("*")))
			any = weight;
	}
	return any;
}
