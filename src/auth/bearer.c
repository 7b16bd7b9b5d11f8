#include "auth/bearer.h"

#include "auth/wire.h"

enum { SEPARATOR = 1 };

/* RFC 6750 §2.1: b64token. */
static bool is_token(struct slice token)
{
	size_t len = 0;
	while (len < token.len && (ascii_is_alpha(token.at[len]) || ascii_is_digit(token.at[len]) || (token.at[len] != '\0' && strchr("-._~+/", token.at[len]))))
		len++;
	for (size_t i = len; i < token.len; i++)
		if (token.at[i] != '=')
			return false;
	return len > 0 && token.len <= WIRE_TOKEN_MAX;
}

static bool take_auth(struct slice value, struct slice *token)
{
	struct slice scheme;
	bool given = token->at != NULL;
	return !given && slice_cut(value, ' ', &scheme, token) && slice_equal_nocase(scheme, SLICE("Bearer")) && is_token(*token);
}

/* Pairs, each with the separator behind it, and one more behind all. Other keys than `auth` (and `user`) say nothing here. */
static bool parse_pairs(struct slice rest, bool with_user, struct sasl_bearer *out)
{
	struct slice pair, key, value;
	while (rest.len > 0 && rest.at[0] != SEPARATOR) {
		if (!slice_cut(rest, SEPARATOR, &pair, &rest) || !slice_cut(pair, '=', &key, &value) || key.len == 0)
			return false;
		if (slice_equal_nocase(key, SLICE("auth")) && !take_auth(value, &out->token))
			return false;
		if (with_user && slice_equal_nocase(key, SLICE("user")))
			out->name = value;
	}
	return rest.len == 1 && out->token.len > 0;
}

/* RFC 5801 §4: "=2C" is a comma, "=3D" an equals sign. */
static bool decode_name(struct slice text, struct arena *arena, struct slice *name)
{
	char *decoded = arena_alloc(arena, text.len + 1);
	size_t len = 0;
	for (size_t i = 0; i < text.len; i++) {
		decoded[len++] = text.at[i];
		if (text.at[i] != '=')
			continue;
		struct slice code = slice_sub(text, i + 1, 2);
		if (!slice_equal(code, SLICE("2C")) && !slice_equal(code, SLICE("3D")))
			return false;
		decoded[len - 1] = code.at[0] == '2' ? ',' : '=';
		i += 2;
	}
	*name = slice_make(decoded, len);
	return true;
}

bool sasl_bearer_parse(struct slice message, struct arena *arena, struct sasl_bearer *out)
{
	struct slice flag, authzid, rest;
	*out = (struct sasl_bearer){.name = SLICE("")};
	if (!slice_cut(message, ',', &flag, &rest) || !slice_cut(rest, ',', &authzid, &rest))
		return false;
	if (!slice_equal(flag, SLICE("n")) && !slice_equal(flag, SLICE("y"))) /* "p": it would bind the channel, which this mechanism doesn't */
		return false;
	if (authzid.len > 0 && (!slice_starts(authzid, SLICE("a=")) || !decode_name(slice_skip(authzid, 2), arena, &out->name)))
		return false;
	return rest.len > 0 && rest.at[0] == SEPARATOR && parse_pairs(slice_skip(rest, 1), false, out);
}

bool sasl_xoauth2_parse(struct slice message, struct sasl_bearer *out)
{
	*out = (struct sasl_bearer){.name = SLICE("")};
	return slice_starts_nocase(message, SLICE("user=")) && parse_pairs(message, true, out);
}
