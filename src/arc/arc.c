/* Verifying a chain (RFC 8617 §5.2): its sets must be complete and in order, the newest message signature must be valid, and every seal.
 * Each seal covers all sets up to its own: one hash goes along, and a copy of it is finished for each, so a long chain costs no more
 * than its length. */
#include "arc/internal.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include "base/memory.h"
#include "dkim/body.h"
#include "dkim/fields.h"
#include "dkim/key.h"

/* The fields of a set, in the order in which they are sealed (RFC 8617 §5.1.1). */
enum kind { RESULTS, MESSAGE_SIGNATURE, SEAL, KINDS };
static const struct { const char *name; enum dkim_kind signature; } kinds[KINDS] = {
	[RESULTS] = {"ARC-Authentication-Results", 0},
	[MESSAGE_SIGNATURE] = {"ARC-Message-Signature", DKIM_ARC_MESSAGE_SIGNATURE},
	[SEAL] = {"ARC-Seal", DKIM_ARC_SEAL},
};

struct set {
	const struct header_field *fields[KINDS];
	struct dkim_signature seal;
	struct slice key; /* of the seal: its name in the DNS */
};

struct arc_verify {
	struct arena *arena;
	struct dkim_header header;
	struct set sets[ARC_SETS_MAX];
	size_t count;
	struct dkim_signature message; /* the newest message signature */
	size_t message_field;          /* its index in the header */
	struct slice message_key;
	bool hashing;                  /* the structure is right: body and keys are needed */
	struct dkim_body body;
	bool ended;
	struct arc_seal seals[ARC_SETS_MAX];
	struct arc_verdict verdict;
};

#define REASON_ROW(name, result, text) [name] = {result, text},
static const struct { enum arc_result result; const char *text; } reasons[] = {ARC_REASONS(REASON_ROW)};

const char *arc_result_name(enum arc_result result)
{
	static const char *const names[] = {[ARC_NONE] = "none", [ARC_PASS] = "pass", [ARC_FAIL] = "fail"};
	return names[result];
}

/* The first thing that is said stands. Returns whether the chain is as it should be so far. */
static bool conclude(struct arc_verify *verify, enum arc_reason reason, size_t instance, const char *detail)
{
	if (verify->verdict.reason != ARC_VALID || reason == ARC_VALID)
		return verify->verdict.reason == ARC_VALID;
	verify->verdict.reason = reason;
	verify->verdict.result = reasons[reason].result;
	verify->verdict.why = slice_of(reasons[reason].text);
	if (instance > 0)
		verify->verdict.why = arena_printf(verify->arena, "%s: i=%zu%s%s", reasons[reason].text, instance, *detail ? ", " : "", detail);
	return false;
}

/* ---- reading ---- */

/* "i=1; rest": instance and rest. */
static bool read_results(const struct header_field *field, uint64_t *instance, struct slice *rest)
{
	struct slice first, name, number;
	if (!slice_cut(field->body, ';', &first, rest) || !slice_cut(first, '=', &name, &number))
		return false;
	return slice_equal(slice_trim(name), SLICE("i")) && slice_to_number(slice_trim(number), UINT32_MAX, instance) && *instance > 0;
}

static bool read_instance(struct arc_verify *verify, enum kind kind, const struct header_field *field, struct dkim_signature *signature, uint64_t *instance)
{
	struct slice rest;
	if (kind == RESULTS)
		return read_results(field, instance, &rest) || conclude(verify, ARC_FIELD_BROKEN, verify->count + 1, kinds[kind].name);
	enum dkim_reason reason = dkim_signature_read(field, kinds[kind].signature, verify->arena, signature);
	*instance = signature->instance;
	return reason == DKIM_VALID ||
	       conclude(verify, ARC_FIELD_BROKEN, *instance > 0 ? (size_t)*instance : 1, dkim_reason_text(reason));
}

static void take_field(struct arc_verify *verify, enum kind kind, size_t index)
{
	const struct header_field *field = &verify->header.list[index].field;
	struct dkim_signature signature = {0};
	uint64_t instance = 0;
	if (!read_instance(verify, kind, field, &signature, &instance) ||
	    (instance > ARC_SETS_MAX && !conclude(verify, ARC_SETS_MANY, 0, "")))
		return;
	struct set *set = &verify->sets[instance - 1];
	if (set->fields[kind]) {
		conclude(verify, ARC_FIELD_TWICE, (size_t)instance, kinds[kind].name);
		return;
	}
	set->fields[kind] = field;
	if (kind == SEAL)
		set->seal = signature;
	if (kind == MESSAGE_SIGNATURE && instance >= verify->message.instance) {
		verify->message = signature;
		verify->message_field = index;
	}
	if (instance > verify->count)
		verify->count = (size_t)instance;
}

static void take_fields(struct arc_verify *verify)
{
	for (size_t i = 0; i < verify->header.count; i++)
		for (enum kind kind = RESULTS; kind < KINDS; kind++)
			if (slice_equal_nocase(verify->header.list[i].field.name, slice_of(kinds[kind].name)))
				take_field(verify, kind, i);
}

/* ---- what the sets must be ---- */

static bool set_is_complete(struct arc_verify *verify, size_t at)
{
	for (enum kind kind = RESULTS; kind < KINDS; kind++)
		if (!verify->sets[at].fields[kind])
			return conclude(verify, ARC_FIELD_MISSING, at + 1, kinds[kind].name);
	return true;
}

static bool chain_is_right(struct arc_verify *verify, size_t at)
{
	struct slice chain = verify->sets[at].seal.chain;
	if (at + 1 == verify->count && slice_equal_nocase(chain, SLICE("fail")))
		return conclude(verify, ARC_CHAIN_BROKEN, at + 1, "");
	return slice_equal_nocase(chain, at == 0 ? SLICE("none") : SLICE("pass")) || conclude(verify, ARC_CHAIN_WRONG, at + 1, "");
}

static bool seals_are_unsigned(struct arc_verify *verify)
{
	for (size_t i = 0; i < verify->message.name_count; i++)
		if (slice_equal_nocase(verify->message.names[i], SLICE("ARC-Seal")))
			return conclude(verify, ARC_SEAL_SIGNED, verify->count, "");
	return true;
}

static void tell_seals(struct arc_verify *verify)
{
	for (size_t i = 0; i < verify->count; i++) {
		struct set *set = &verify->sets[i];
		uint64_t instance;
		verify->seals[i] = (struct arc_seal){.domain = set->seal.domain, .selector = set->seal.selector};
		if (set->fields[RESULTS])
			read_results(set->fields[RESULTS], &instance, &verify->seals[i].results);
	}
	verify->verdict.seals = verify->seals;
	verify->verdict.count = verify->count;
}

/* Everything that can be said without keys and body. */
static void judge_structure(struct arc_verify *verify)
{
	for (size_t i = 0; i < verify->count; i++)
		if (!set_is_complete(verify, i) || !chain_is_right(verify, i))
			return;
	if (verify->count == 0)
		conclude(verify, ARC_ABSENT, 0, "");
	else
		seals_are_unsigned(verify);
}

static void want_keys(struct arc_verify *verify)
{
	for (size_t i = 0; i < verify->count; i++)
		verify->sets[i].key = dkim_signature_key_name(&verify->sets[i].seal, verify->arena);
	verify->message_key = dkim_signature_key_name(&verify->message, verify->arena);
	dkim_body_begin(&verify->body, verify->message.simple_body, verify->message.limited ? verify->message.limit : DKIM_WHOLE_BODY);
	verify->hashing = true;
}

struct arc_verify *arc_verify_new(struct slice header)
{
	struct header_field field;
	struct arc_verify *verify = memory_new(sizeof *verify);
	verify->arena = arena_new();
	verify->verdict = (struct arc_verdict){.result = ARC_PASS, .reason = ARC_VALID, .why = slice_of(reasons[ARC_VALID].text)};
	dkim_header_read(header, verify->arena, &verify->header);
	if (verify->header.large && header_find(header, SLICE("ARC-Seal"), &field))
		conclude(verify, ARC_HEADER_LARGE, 0, "");
	take_fields(verify);
	if (conclude(verify, ARC_VALID, 0, ""))
		judge_structure(verify);
	tell_seals(verify);
	if (conclude(verify, ARC_VALID, 0, ""))
		want_keys(verify);
	return verify;
}

bool arc_verify_ask(const struct arc_verify *verify, struct lookup *table)
{
	bool there = !verify->hashing || lookup_get(table, LOOKUP_TXT, verify->message_key)->status != LOOKUP_WANTED;
	for (size_t i = 0; i < verify->count && verify->hashing; i++)
		there &= lookup_get(table, LOOKUP_TXT, verify->sets[i].key)->status != LOOKUP_WANTED;
	return there;
}

void arc_verify_body(struct arc_verify *verify, struct slice piece)
{
	if (verify->hashing)
		dkim_body_add(&verify->body, piece);
}

/* ---- signatures ---- */

static EVP_MD_CTX *begin_hash(void)
{
	EVP_MD_CTX *hash = EVP_MD_CTX_new();
	EVP_DigestInit_ex(hash, EVP_sha256(), NULL);
	return hash;
}

/* DKIM_VALID, or what is wrong with the key or the signature. */
static enum dkim_reason check_value(struct arc_verify *verify, const struct lookup_answer *answer, const struct dkim_signature *signature, EVP_MD_CTX *hash)
{
	struct dkim_key key;
	unsigned char digest[DKIM_DIGEST_SIZE];
	EVP_DigestFinal_ex(hash, digest, NULL);
	enum dkim_reason reason = dkim_key_choose(answer, signature->algorithm, &key);
	if (reason == DKIM_VALID && !dkim_key_verifies(&key, signature->algorithm, digest, signature->value))
		reason = DKIM_HEADER_CHANGED;
	dkim_key_clear(&key);
	verify->verdict.temporary |= reason == DKIM_KEY_TEMPORARY;
	return reason;
}

static enum dkim_reason check_body(struct arc_verify *verify)
{
	const struct dkim_signature *message = &verify->message;
	dkim_body_end(&verify->body);
	if (message->limited && message->limit != verify->body.seen)
		return message->limit > verify->body.seen ? DKIM_BODY_SHORT : DKIM_BODY_ADDED;
	return memcmp(message->body_hash.at, verify->body.digest, DKIM_DIGEST_SIZE) == 0 ? DKIM_VALID : DKIM_BODY_CHANGED;
}

static bool message_is_valid(struct arc_verify *verify, struct lookup *table)
{
	const struct dkim_signature *message = &verify->message;
	enum dkim_reason reason = check_body(verify);
	EVP_MD_CTX *hash = begin_hash();
	if (reason == DKIM_VALID) {
		dkim_header_hash(&verify->header, message->names, message->name_count, verify->message_field, message->simple_header, hash);
		dkim_field_hash(&verify->header.list[verify->message_field].field, message->value_room, message->simple_header, true, hash);
		reason = check_value(verify, lookup_get(table, LOOKUP_TXT, verify->message_key), message, hash);
	}
	EVP_MD_CTX_free(hash);
	return reason == DKIM_VALID || conclude(verify, ARC_MESSAGE_INVALID, verify->count, dkim_reason_text(reason));
}

/* `hash` has the sets before; it goes on with this one. */
static bool seal_is_valid(struct arc_verify *verify, size_t at, struct lookup *table, EVP_MD_CTX *hash)
{
	const struct set *set = &verify->sets[at];
	dkim_field_hash(set->fields[RESULTS], (struct slice){0}, false, false, hash);
	dkim_field_hash(set->fields[MESSAGE_SIGNATURE], (struct slice){0}, false, false, hash);
	EVP_MD_CTX *own = EVP_MD_CTX_new();
	EVP_MD_CTX_copy_ex(own, hash);
	dkim_field_hash(set->fields[SEAL], set->seal.value_room, false, true, own);
	enum dkim_reason reason = check_value(verify, lookup_get(table, LOOKUP_TXT, set->key), &set->seal, own);
	EVP_MD_CTX_free(own);
	dkim_field_hash(set->fields[SEAL], (struct slice){0}, false, false, hash);
	return reason == DKIM_VALID || conclude(verify, ARC_SEAL_INVALID, at + 1, dkim_reason_text(reason));
}

static void check(struct arc_verify *verify, struct lookup *table)
{
	EVP_MD_CTX *hash = begin_hash();
	bool valid = message_is_valid(verify, table);
	for (size_t i = 0; i < verify->count && valid; i++)
		valid = seal_is_valid(verify, i, table, hash);
	EVP_MD_CTX_free(hash);
	ERR_clear_error();
}

const struct arc_verdict *arc_verify_end(struct arc_verify *verify, struct lookup *table)
{
	if (!verify->ended && verify->hashing)
		check(verify, table);
	verify->ended = true;
	return &verify->verdict;
}

bool arc_verify_is_whole(const struct arc_verify *verify, size_t *count)
{
	*count = verify->count;
	return verify->hashing || verify->verdict.reason == ARC_ABSENT;
}

void arc_verify_hash_sets(const struct arc_verify *verify, EVP_MD_CTX *hash)
{
	for (size_t i = 0; i < verify->count; i++)
		for (enum kind kind = RESULTS; kind < KINDS; kind++)
			dkim_field_hash(verify->sets[i].fields[kind], (struct slice){0}, false, false, hash);
}

void arc_verify_free(struct arc_verify **verify)
{
	if (!*verify)
		return;
	if ((*verify)->hashing)
		dkim_body_clear(&(*verify)->body);
	dkim_header_clear(&(*verify)->header);
	arena_free(&(*verify)->arena);
	free(*verify);
	*verify = NULL;
}
