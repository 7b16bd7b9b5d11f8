/* Rewritten senders; see srs.h. The local part of a reverse-path is anybody's text: it is cut, hashed and compared, within the bounds of an
 * address. */
#include "auth/srs.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/buf.h"
#include "message/address.h"

enum {
	DAY_SECONDS = 24 * 3600,
	DAYS_AROUND = 1024,       /* the day is written in two characters of base 32 */
	TAG_LEN = 4,              /* "SRS0" */
	TEXT_MAX = 2 * ADDRESS_MAX,
};

static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";

/* A local part without the quote that it may begin with; what follows keeps its own, and ends in the other quote. */
static struct slice without_quote(struct slice local, const char **quote)
{
	bool quoted = local.len > 0 && local.at[0] == '"';
	*quote = quoted ? "\"" : "";
	return slice_skip(local, quoted);
}

static bool has_tag(struct slice text, const char *tag)
{
	return slice_starts_nocase(text, slice_of(tag)) && text.len > TAG_LEN && (text.at[TAG_LEN] == '=' || text.at[TAG_LEN] == '-' || text.at[TAG_LEN] == '+');
}

bool auth_srs_is(struct slice local)
{
	const char *quote;
	struct slice text = without_quote(local, &quote);
	return has_tag(text, "SRS0") || has_tag(text, "SRS1");
}

/* Of the tag, so that a hash of one kind is none of the other, and the text, whatever the case of its letters. */
static void make_hash(const char key[AUTH_SRS_KEY_SIZE], const char *tag, struct slice text, char out[AUTH_SRS_HASH_LEN + 1])
{
	unsigned char mac[EVP_MAX_MD_SIZE] = {0};
	unsigned len = 0;
	struct buf folded = BUF(TEXT_MAX);
	uint64_t bits = 0;
	buf_append_text(&folded, tag);
	for (size_t i = 0; i < text.len; i++)
		buf_append_char(&folded, ascii_lower(text.at[i]));
	HMAC(EVP_sha256(), key, AUTH_SRS_KEY_SIZE, (const unsigned char *)folded.at, folded.len, mac, &len);
	buf_free(&folded);
	for (size_t i = 0; i < 5; i++)
		bits = bits << 8 | mac[i];
	for (size_t i = 0; i < AUTH_SRS_HASH_LEN; i++)
		out[i] = digits[bits >> (5 * (AUTH_SRS_HASH_LEN - 1 - i)) & 31];
	out[AUTH_SRS_HASH_LEN] = '\0';
}

static bool hash_holds(const char key[AUTH_SRS_KEY_SIZE], const char *tag, struct slice text, struct slice hash)
{
	char wanted[AUTH_SRS_HASH_LEN + 1], given[AUTH_SRS_HASH_LEN];
	if (hash.len != AUTH_SRS_HASH_LEN || text.len > TEXT_MAX - TAG_LEN)
		return false;
	make_hash(key, tag, text, wanted);
	for (size_t i = 0; i < AUTH_SRS_HASH_LEN; i++)
		given[i] = ascii_lower(hash.at[i]);
	return CRYPTO_memcmp(wanted, given, AUTH_SRS_HASH_LEN) == 0;
}

/* ---- Making ---- */

static struct slice join(const char key[AUTH_SRS_KEY_SIZE], const char *quote, const char *tag, struct slice text, struct slice domain, struct arena *arena)
{
	char hash[AUTH_SRS_HASH_LEN + 1];
	make_hash(key, tag, text, hash);
	return arena_printf(arena, "%s%s=%s=%.*s@%.*s", quote, tag, hash, SLICE_ARG(text), SLICE_ARG(domain));
}

/* What another server has rewritten: whose it was first, and all behind its tag. False: it only looks so. */
static bool take_rewritten(struct slice text, struct slice domain, struct slice *first, struct slice *rest)
{
	struct slice hash;
	if (has_tag(text, "SRS0")) {
		*first = domain;
		*rest = slice_skip(text, TAG_LEN);
		return true;
	}
	return has_tag(text, "SRS1") && slice_cut(slice_skip(text, TAG_LEN + 1), '=', &hash, &text) && slice_cut(text, '=', first, rest) &&
	       domain_is_valid(*first, true) && rest->len > 0;
}

bool auth_srs_make(const char key[AUTH_SRS_KEY_SIZE], int64_t now, struct slice from, struct slice domain, struct arena *arena, struct slice *out)
{
	struct slice local, sender_domain, first, rest, text;
	const char *quote;
	int64_t day = now / DAY_SECONDS % DAYS_AROUND;
	address_split(from, &local, &sender_domain);
	sender_domain = domain_to_ascii(sender_domain, arena);
	if (local.len == 0 || sender_domain.len == 0 || from.len > ADDRESS_MAX || domain.len > ADDRESS_MAX)
		return false;
	local = without_quote(local, &quote);
	bool again = take_rewritten(local, sender_domain, &first, &rest);
	text = again ? arena_printf(arena, "%.*s=%.*s", SLICE_ARG(first), SLICE_ARG(rest)) :
		       arena_printf(arena, "%c%c=%.*s=%.*s", digits[day / 32], digits[day % 32], SLICE_ARG(sender_domain), SLICE_ARG(local));
	*out = join(key, quote, again ? "SRS1" : "SRS0", text, domain, arena);
	struct slice parsed;
	struct error ignored;
	return address_parse(*out, true, arena, &parsed, &ignored); /* that is, it isn't too long */
}

/* ---- Reading ---- */

static int64_t digit_of(char c)
{
	const char *at = memchr(digits, ascii_lower(c), sizeof digits - 1);
	return at ? at - digits : -1;
}

/* A day that is to come is one of a clock that goes before ours. */
static bool is_valid(struct slice stamp, int64_t now, int64_t valid)
{
	int64_t high = stamp.len == 2 ? digit_of(stamp.at[0]) : -1, low = high >= 0 ? digit_of(stamp.at[1]) : -1;
	if (low < 0)
		return false;
	int64_t age = (now / DAY_SECONDS - (high * 32 + low) + DAYS_AROUND + 1) % DAYS_AROUND - 1;
	return age * DAY_SECONDS <= valid;
}

static bool read_first(const char key[AUTH_SRS_KEY_SIZE], int64_t now, int64_t valid, const char *quote, struct slice hash, struct slice text, struct arena *arena,
		       struct slice *original)
{
	struct slice stamp, rest, domain, local;
	if (!hash_holds(key, "SRS0", text, hash) || !slice_cut(text, '=', &stamp, &rest) || !is_valid(stamp, now, valid) || !slice_cut(rest, '=', &domain, &local))
		return false;
	*original = arena_printf(arena, "%s%.*s@%.*s", quote, SLICE_ARG(local), SLICE_ARG(domain));
	return true;
}

/* How old it may be is for the server to say that made it. */
static bool read_again(const char key[AUTH_SRS_KEY_SIZE], const char *quote, struct slice hash, struct slice text, struct arena *arena, struct slice *original)
{
	struct slice first, rest;
	if (!hash_holds(key, "SRS1", text, hash) || !slice_cut(text, '=', &first, &rest))
		return false;
	*original = arena_printf(arena, "%sSRS0%.*s@%.*s", quote, SLICE_ARG(rest), SLICE_ARG(first));
	return true;
}

bool auth_srs_read(const char key[AUTH_SRS_KEY_SIZE], int64_t now, int64_t valid, struct slice local, struct arena *arena, struct slice *original)
{
	const char *quote;
	struct slice text = without_quote(local, &quote), hash, rest, made;
	struct error ignored;
	if (!auth_srs_is(local) || local.len > ADDRESS_MAX || !slice_cut(slice_skip(text, TAG_LEN + 1), '=', &hash, &rest))
		return false;
	bool found = has_tag(text, "SRS0") ? read_first(key, now, valid, quote, hash, rest, arena, &made) : read_again(key, quote, hash, rest, arena, &made);
	return found && address_parse(made, true, arena, original, &ignored);
}
