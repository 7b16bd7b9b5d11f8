/* Verifying the signatures of a message: what the fields say is read at the beginning, bodies are hashed as they come, once for all
 * signatures that are over the same form of it, and the keys are asked for in between. */
#include <openssl/err.h>
#include <openssl/evp.h>

#include "base/memory.h"
#include "dkim/body.h"
#include "dkim/fields.h"
#include "dkim/key.h"

enum { BEGIN_LENGTH = 8 /* of a signature's value: tells signatures of one domain apart (RFC 6008 §3) */, TIME_TEXT_MAX = 32 };

struct one {
	struct dkim_signature signature;
	size_t field; /* its index in the header */
	enum dkim_reason reason;
	struct dkim_body *body;
	struct slice key; /* its name in the DNS */
	unsigned bits;
	bool testing;
};

struct dkim_verify {
	struct arena *arena;
	int64_t now;
	struct dkim_header header;
	struct one list[DKIM_SIGNATURES_MAX];
	size_t count;
	bool more; /* than were looked at */
	struct dkim_body bodies[DKIM_SIGNATURES_MAX];
	size_t body_count;
	bool ended;
	struct dkim_verdict verdicts[DKIM_SIGNATURES_MAX + 1];
};

/* ---- results ---- */

#define REASON_ROW(name, result, text) [name] = {result, text},
static const struct { enum dkim_result result; const char *text; } reasons[] = {DKIM_REASONS(REASON_ROW)};
static const char *const result_names[] = {
	[DKIM_NONE] = "none", [DKIM_PASS] = "pass", [DKIM_FAIL] = "fail", [DKIM_POLICY] = "policy", [DKIM_NEUTRAL] = "neutral",
	[DKIM_TEMPERROR] = "temperror", [DKIM_PERMERROR] = "permerror",
};

const char *dkim_result_name(enum dkim_result result)
{
	return result_names[result];
}

enum dkim_result dkim_reason_result(enum dkim_reason reason)
{
	return reasons[reason].result;
}

const char *dkim_reason_text(enum dkim_reason reason)
{
	return reasons[reason].text;
}

static struct slice explain(const struct one *one, struct arena *arena)
{
	const char *text = dkim_reason_text(one->reason);
	char time[TIME_TEXT_MAX];
	struct tm parts;
	time_t moment = (time_t)(one->reason == DKIM_EXPIRED ? one->signature.expires : one->signature.made);
	if (one->signature.wrong)
		return arena_printf(arena, "%s: %s=", text, one->signature.wrong);
	if ((one->reason == DKIM_EXPIRED || one->reason == DKIM_AHEAD) && gmtime_r(&moment, &parts) && strftime(time, sizeof time, "%F %T UTC", &parts) > 0)
		return arena_printf(arena, "%s: %s", text, time);
	if (one->reason == DKIM_KEY_SMALL || one->reason == DKIM_KEY_LARGE)
		return arena_printf(arena, "%s: %u bits", text, one->bits);
	if (one->reason == DKIM_BODY_ADDED)
		return arena_printf(arena, "%s: %llu of %llu bytes", text, (unsigned long long)one->signature.limit, (unsigned long long)one->body->seen);
	return slice_of(text);
}

/* ---- what can be said before the body has come ---- */

static bool is_signed(const struct dkim_signature *signature, struct slice name)
{
	for (size_t i = 0; i < signature->name_count; i++)
		if (slice_equal_nocase(signature->names[i], name))
			return true;
	return false;
}

static bool is_within(struct slice domain, struct slice of)
{
	struct slice above = slice_skip(domain, domain.len > of.len ? domain.len - of.len : 0);
	return slice_equal_nocase(above, of) && (domain.len == of.len || domain.at[domain.len - of.len - 1] == '.');
}

static bool identity_is_strange(const struct dkim_signature *signature)
{
	size_t at = slice_find_last_char(signature->identity, '@');
	return at != SLICE_NONE && !is_within(slice_skip(signature->identity, at + 1), signature->domain);
}

/* What programs show, and show the first or the last of: whoever adds another says something that nobody signed (RFC 6376 §8.15). */
static const char *const once[] = {"from", "sender", "reply-to", "subject", "date", "mime-version", "content-type", "content-transfer-encoding"};

static bool fields_were_added(const struct dkim_header *header, const struct dkim_signature *signature)
{
	for (size_t i = 0; i < sizeof once / sizeof *once; i++) {
		size_t covered = 0;
		for (size_t j = 0; j < signature->name_count; j++)
			covered += slice_equal_nocase(signature->names[j], slice_of(once[i]));
		if (covered > 0 && dkim_header_count(header, slice_of(once[i])) > covered)
			return true;
	}
	return false;
}

static enum dkim_reason judge(const struct dkim_verify *verify, const struct dkim_signature *signature)
{
	if (!is_signed(signature, SLICE("from")))
		return DKIM_FROM_UNSIGNED;
	if (identity_is_strange(signature))
		return DKIM_IDENTITY_STRANGE;
	if (signature->expires >= 0 && (signature->expires < verify->now || signature->expires < signature->made))
		return DKIM_EXPIRED;
	if (signature->made > verify->now + DKIM_AHEAD_SECONDS)
		return DKIM_AHEAD;
	return fields_were_added(&verify->header, signature) ? DKIM_FIELDS_ADDED : DKIM_VALID;
}

static struct dkim_body *share_body(struct dkim_verify *verify, const struct dkim_signature *signature)
{
	uint64_t limit = signature->limited ? signature->limit : DKIM_WHOLE_BODY;
	for (size_t i = 0; i < verify->body_count; i++)
		if (verify->bodies[i].simple == signature->simple_body && verify->bodies[i].limit == limit)
			return &verify->bodies[i];
	dkim_body_begin(&verify->bodies[verify->body_count], signature->simple_body, limit);
	return &verify->bodies[verify->body_count++];
}

static void add_signature(struct dkim_verify *verify, size_t index)
{
	struct one *one = &verify->list[verify->count++];
	one->field = index;
	one->reason = dkim_signature_read(&verify->header.list[index].field, DKIM_SIGNATURE, verify->arena, &one->signature);
	if (one->reason == DKIM_VALID)
		one->reason = judge(verify, &one->signature);
	if (one->reason != DKIM_VALID)
		return;
	one->body = share_body(verify, &one->signature);
	one->key = dkim_signature_key_name(&one->signature, verify->arena);
}

/* Of a header that is too large the first signature field, if there is one, has that verdict. */
static void refuse_header(struct dkim_verify *verify, struct slice header)
{
	struct header_field field;
	if (!header_find(header, SLICE("DKIM-Signature"), &field))
		return;
	struct one *one = &verify->list[verify->count++];
	dkim_signature_read(&field, DKIM_SIGNATURE, verify->arena, &one->signature);
	one->signature.wrong = NULL;
	one->reason = DKIM_HEADER_LARGE;
}

struct dkim_verify *dkim_verify_new(struct slice header, int64_t now)
{
	struct dkim_verify *verify = memory_new(sizeof *verify);
	verify->arena = arena_new();
	verify->now = now;
	dkim_header_read(header, verify->arena, &verify->header);
	if (verify->header.large)
		refuse_header(verify, header);
	for (size_t i = 0; i < verify->header.count && !verify->more; i++) {
		if (!slice_equal_nocase(verify->header.list[i].field.name, SLICE("DKIM-Signature")))
			continue;
		verify->more = verify->count == DKIM_SIGNATURES_MAX;
		if (!verify->more)
			add_signature(verify, i);
	}
	return verify;
}

bool dkim_verify_ask(const struct dkim_verify *verify, struct lookup *table)
{
	bool there = true;
	for (size_t i = 0; i < verify->count; i++)
		if (verify->list[i].reason == DKIM_VALID)
			there &= lookup_get(table, LOOKUP_TXT, verify->list[i].key)->status != LOOKUP_WANTED;
	return there;
}

void dkim_verify_body(struct dkim_verify *verify, struct slice piece)
{
	for (size_t i = 0; i < verify->body_count; i++)
		dkim_body_add(&verify->bodies[i], piece);
}

/* ---- the end ---- */

static enum dkim_reason check_body(const struct one *one)
{
	const struct dkim_signature *signature = &one->signature;
	if (signature->limited && signature->limit > one->body->seen)
		return DKIM_BODY_SHORT;
	if (memcmp(signature->body_hash.at, one->body->digest, DKIM_DIGEST_SIZE) != 0)
		return DKIM_BODY_CHANGED;
	return signature->limited && signature->limit < one->body->seen ? DKIM_BODY_ADDED : DKIM_VALID;
}

static bool header_is_right(const struct dkim_verify *verify, const struct one *one, const struct dkim_key *key)
{
	const struct dkim_signature *signature = &one->signature;
	unsigned char digest[DKIM_DIGEST_SIZE];
	EVP_MD_CTX *hash = EVP_MD_CTX_new();
	EVP_DigestInit_ex(hash, EVP_sha256(), NULL);
	dkim_header_hash(&verify->header, signature->names, signature->name_count, one->field, signature->simple_header, hash);
	dkim_field_hash(&verify->header.list[one->field].field, signature->value_room, signature->simple_header, true, hash);
	EVP_DigestFinal_ex(hash, digest, NULL);
	EVP_MD_CTX_free(hash);
	return dkim_key_verifies(key, signature->algorithm, digest, signature->value);
}

static enum dkim_reason check(struct dkim_verify *verify, struct one *one, struct lookup *table)
{
	struct dkim_key key;
	enum dkim_reason reason = dkim_key_choose(lookup_get(table, LOOKUP_TXT, one->key), one->signature.algorithm, &key);
	one->bits = key.bits;
	one->testing = key.testing;
	if (reason == DKIM_VALID)
		reason = dkim_key_fits(&key, &one->signature);
	/* Whether the header is right is said even of a body that was added to. */
	enum dkim_reason body = check_body(one);
	if (reason == DKIM_VALID)
		reason = body == DKIM_BODY_ADDED ? DKIM_VALID : body;
	if (reason == DKIM_VALID && !header_is_right(verify, one, &key))
		reason = DKIM_HEADER_CHANGED;
	if (reason == DKIM_VALID)
		reason = body;
	dkim_key_clear(&key);
	return dkim_reason_result(reason) == DKIM_FAIL && one->testing ? DKIM_TESTING : reason;
}

static struct slice begin_of(struct slice value, struct arena *arena)
{
	char *begin = arena_alloc(arena, BEGIN_LENGTH);
	size_t len = 0;
	for (size_t i = 0; i < value.len && len < BEGIN_LENGTH; i++)
		if (!ascii_is_space(value.at[i]))
			begin[len++] = value.at[i];
	return slice_make(begin, len);
}

static struct dkim_verdict tell(const struct dkim_verify *verify, const struct one *one)
{
	const struct dkim_signature *signature = &one->signature;
	struct slice identity = signature->identity;
	if (identity.len == 0 && signature->domain.len > 0)
		identity = arena_printf(verify->arena, "@%.*s", SLICE_ARG(signature->domain));
	return (struct dkim_verdict){.result = dkim_reason_result(one->reason), .reason = one->reason, .why = explain(one, verify->arena),
		.domain = signature->domain, .selector = signature->selector, .identity = identity, .algorithm = signature->algorithm_text,
		.begin = begin_of(signature->value_text, verify->arena), .bits = one->bits, .testing = one->testing};
}

static void conclude(struct dkim_verify *verify, struct lookup *table)
{
	for (size_t i = 0; i < verify->body_count; i++)
		dkim_body_end(&verify->bodies[i]);
	for (size_t i = 0; i < verify->count; i++) {
		struct one *one = &verify->list[i];
		if (one->reason == DKIM_VALID)
			one->reason = check(verify, one, table);
		verify->verdicts[i] = tell(verify, one);
	}
	verify->verdicts[verify->count] = (struct dkim_verdict){.result = dkim_reason_result(DKIM_SIGNATURES_MANY), .reason = DKIM_SIGNATURES_MANY,
		.why = slice_of(dkim_reason_text(DKIM_SIGNATURES_MANY))};
	ERR_clear_error();
}

const struct dkim_verdict *dkim_verify_end(struct dkim_verify *verify, struct lookup *table, size_t *count)
{
	if (!verify->ended)
		conclude(verify, table);
	verify->ended = true;
	*count = verify->count + verify->more;
	return verify->verdicts;
}

void dkim_verify_free(struct dkim_verify **verify)
{
	if (!*verify)
		return;
	for (size_t i = 0; i < (*verify)->body_count; i++)
		dkim_body_clear(&(*verify)->bodies[i]);
	dkim_header_clear(&(*verify)->header);
	arena_free(&(*verify)->arena);
	free(*verify);
	*verify = NULL;
}
