/* Verifying a chain (DKIM2 "Verifier Actions"): the fields' structure, times and the chain of custody are looked at first, then the header is hashed
 * as it is and as it was before each change, from the newest to the oldest; bodies likewise, as they come; keys and signatures at the end. */
#include <openssl/err.h>
#include <openssl/evp.h>

#include "base/base64.h"
#include "base/memory.h"
#include "dkim/key.h"
#include "dkim2/content.h"
#include "dkim2/field.h"
#include "dkim2/recipe.h"
#include "message/address.h"

enum { NO_BODY = -1 };

/* What is known of one instance. */
struct known {
	struct dkim2_recipe recipe; /* that undoes what made it */
	bool header;                /* header_hash is that of the message as it was then */
	unsigned char header_hash[DKIM_DIGEST_SIZE];
	int body;                   /* an index of bodies, or NO_BODY */
};

struct dkim2_verify {
	struct arena *arena;
	const struct dkim2_envelope *envelope;
	int64_t now;
	struct dkim2_fields fields;
	struct known *known;        /* of each instance */
	struct dkim_body bodies[DKIM2_BODIES_MAX]; /* the message's own first */
	struct dkim2_undo undo[DKIM2_BODIES_MAX];  /* makes bodies[i] of the one before */
	size_t body_count;          /* 0: nothing is hashed, since the fields are faulty */
	bool ended;
	struct dkim2_hop hops[DKIM2_SIGNATURES_MAX];
	struct dkim2_instance instances[DKIM2_SIGNATURES_MAX];
	struct dkim2_verdict verdict;
};

/* ---- results ---- */

#define REASON_ROW(name, result, before, behind) [name] = {result, before, behind},
static const struct { enum dkim2_result result; const char *before, *behind; } reasons[] = {DKIM2_REASONS(REASON_ROW)};

const char *dkim2_result_name(enum dkim2_result result)
{
	static const char *const names[] = {[DKIM2_NONE] = "none", [DKIM2_PASS] = "pass", [DKIM2_FAIL] = "fail", [DKIM2_PERMERROR] = "permerror", [DKIM2_TEMPERROR] = "temperror"};
	return names[result];
}

enum dkim2_result dkim2_reason_result(enum dkim2_reason reason)
{
	return reasons[reason].result;
}

const char *dkim2_reason_text(enum dkim2_reason reason)
{
	return reasons[reason].before;
}

static struct slice say(const struct dkim2_verify *verify, enum dkim2_reason reason, struct slice about)
{
	return arena_printf(verify->arena, "%s%.*s%s", reasons[reason].before, SLICE_ARG(about), reasons[reason].behind);
}

/* The first fault stands, but one that won't pass by itself takes the place of one that may. */
static void conclude(struct dkim2_verify *verify, enum dkim2_reason reason, struct slice why)
{
	struct dkim2_verdict *verdict = &verify->verdict;
	enum dkim2_result result = reasons[reason].result;
	if (result == DKIM2_PASS || (verdict->result != DKIM2_PASS && (verdict->result != DKIM2_TEMPERROR || result == DKIM2_TEMPERROR)))
		return;
	verdict->reason = reason;
	verdict->result = result;
	verdict->why = why;
}

/* A fault of signature `index`. */
static void blame_hop(struct dkim2_verify *verify, size_t index, enum dkim2_reason reason, struct slice about)
{
	struct dkim2_hop *hop = &verify->hops[index];
	struct slice said = say(verify, reason, about);
	if (hop->reason == DKIM2_VALID || reasons[hop->reason].result == DKIM2_TEMPERROR) {
		hop->reason = reason;
		hop->why = said;
	}
	bool envelope = reason == DKIM2_SENDER_OTHER || reason == DKIM2_RECIPIENT_OTHER || reason == DKIM2_DOMAIN_OTHER;
	conclude(verify, reason, envelope ? said : arena_printf(verify->arena, "DKIM2-Signature i=%zu %.*s", index + 1, SLICE_ARG(said)));
}

static void blame_instance(struct dkim2_verify *verify, size_t index, enum dkim2_reason reason, struct slice about)
{
	struct dkim2_instance *instance = &verify->instances[index];
	struct slice said = say(verify, reason, about);
	if (instance->reason == DKIM2_VALID) {
		instance->reason = reason;
		instance->why = said;
	}
	conclude(verify, reason, arena_printf(verify->arena, "Message-Instance m=%zu %.*s", index + 1, SLICE_ARG(said)));
}

/* ---- structure ---- */

static void refuse(struct dkim2_verify *verify, enum dkim2_reason reason)
{
	const struct dkim2_fields *fields = &verify->fields;
	const char *field = fields->wrong_state ? "Message-Instance m" : "DKIM2-Signature i";
	struct slice said = say(verify, reason, fields->wrong_tag && reason == DKIM2_TAG_MISSING ? slice_of(fields->wrong_tag) : SLICE(""));
	struct slice where = fields->wrong_number > 0 ? arena_printf(verify->arena, "%s=%llu ", field, (unsigned long long)fields->wrong_number)
						      : arena_printf(verify->arena, "%s=? ", field);
	bool tagged = fields->wrong_tag && reason != DKIM2_TAG_MISSING;
	if (reason == DKIM2_HEADER_LARGE || reason == DKIM2_ABSENT || reason == DKIM2_FIELDS_MANY)
		where = SLICE("");
	verify->verdict.reason = reason;
	verify->verdict.result = reasons[reason].result;
	verify->verdict.why = arena_printf(verify->arena, "%.*s%.*s%s%s", SLICE_ARG(where), SLICE_ARG(said), tagged ? ": tag=" : "", tagged ? fields->wrong_tag : "");
}

static void tell_hops(struct dkim2_verify *verify)
{
	for (size_t i = 0; i < verify->fields.signature_count; i++) {
		const struct dkim2_signature *signature = &verify->fields.signatures[i];
		verify->hops[i] = (struct dkim2_hop){.domain = signature->domain, .from = signature->from, .recipients = signature->recipients,
			.recipient_count = signature->recipient_count, .flags = signature->flags, .instance = (unsigned)signature->instance, .made = signature->made,
			.reason = DKIM2_VALID, .why = slice_of(reasons[DKIM2_VALID].before)};
	}
	for (size_t i = 0; i < verify->fields.state_count; i++)
		verify->instances[i] = (struct dkim2_instance){.reason = DKIM2_VALID, .why = slice_of(reasons[DKIM2_VALID].before)};
	verify->verdict.hops = verify->hops;
	verify->verdict.hop_count = verify->fields.signature_count;
	verify->verdict.instances = verify->instances;
	verify->verdict.instance_count = verify->fields.state_count;
}

/* ---- times, and who sent it to whom ---- */

static void check_times(struct dkim2_verify *verify)
{
	for (size_t i = 0; i < verify->fields.signature_count; i++) {
		int64_t made = verify->fields.signatures[i].made;
		if (made < verify->now - DKIM2_VALID_SECONDS)
			blame_hop(verify, i, DKIM2_EXPIRED, SLICE(""));
		else if (made > verify->now + DKIM_AHEAD_SECONDS)
			blame_hop(verify, i, DKIM2_AHEAD, SLICE(""));
	}
}

/* Local parts are of the case that they have, domains of any. */
static bool path_is(struct slice path, struct slice address)
{
	path = slice_sub(path, 1, path.len - 2);
	size_t at = slice_find_last_char(path, '@'), other = slice_find_last_char(address, '@');
	if (at != other || path.len != address.len)
		return false;
	if (at == SLICE_NONE)
		return slice_equal(path, address);
	return slice_equal(slice_sub(path, 0, at), slice_sub(address, 0, at)) && slice_equal_nocase(slice_skip(path, at), slice_skip(address, at));
}

static bool is_recipient(const struct dkim2_signature *signature, struct slice address)
{
	for (size_t i = 0; i < signature->recipient_count; i++)
		if (path_is(signature->recipients[i], address))
			return true;
	return false;
}

static void check_envelope(struct dkim2_verify *verify)
{
	const struct dkim2_envelope *envelope = verify->envelope;
	size_t newest = verify->fields.signature_count - 1;
	const struct dkim2_signature *signature = &verify->fields.signatures[newest];
	if (envelope && !path_is(signature->from, envelope->from))
		blame_hop(verify, newest, DKIM2_SENDER_OTHER, arena_printf(verify->arena, "<%.*s>", SLICE_ARG(envelope->from)));
	for (size_t i = 0; envelope && i < envelope->recipient_count && verify->verdict.reason != DKIM2_RECIPIENT_OTHER; i++)
		if (!is_recipient(signature, envelope->recipients[i]))
			blame_hop(verify, newest, DKIM2_RECIPIENT_OTHER, arena_printf(verify->arena, "<%.*s>", SLICE_ARG(envelope->recipients[i])));
}

static void check_custody(struct dkim2_verify *verify)
{
	const struct dkim2_fields *fields = &verify->fields;
	for (size_t i = 0; i < fields->signature_count; i++) {
		const struct dkim2_signature *signature = &fields->signatures[i];
		struct slice from = dkim2_path_domain(signature->from);
		bool null = slice_equal(signature->from, SLICE("<>"));
		if (!null && !dkim2_domain_is_within(domain_to_ascii(from, verify->arena), signature->domain))
			blame_hop(verify, i, DKIM2_DOMAIN_OTHER, SLICE(""));
		if (i > 0 && !dkim2_follows(&fields->signatures[i - 1], signature->from, signature->domain, verify->arena))
			blame_hop(verify, i, DKIM2_CHAIN_BROKEN, signature->from);
	}
}

/* ---- what the message was ---- */

static void lose_header(struct dkim2_verify *verify, size_t from)
{
	for (size_t i = 0; i <= from; i++)
		verify->known[i].header = false;
}

/* From the newest to the oldest. */
static void hash_headers(struct dkim2_verify *verify, struct dkim2_header header)
{
	for (size_t i = verify->fields.state_count; i-- > 0;) {
		struct known *known = &verify->known[i];
		dkim2_header_hash(&header, known->header_hash);
		known->header = true;
		if (i == 0 || !verify->fields.states[i].recipe.at)
			continue;
		struct dkim2_header before = header;
		bool applied = known->recipe.header_lost || dkim2_recipe_header(&known->recipe, &header, verify->arena, &before);
		if (!applied)
			blame_instance(verify, i, DKIM2_RECIPE_WRONG, SLICE(""));
		header = before;
		if (known->recipe.header_lost || !applied) {
			lose_header(verify, i - 1);
			return;
		}
	}
}

/* Each change of the body that is undone makes another one. */
static void begin_bodies(struct dkim2_verify *verify)
{
	int current = 0;
	dkim_body_begin(&verify->bodies[verify->body_count++], true, DKIM_WHOLE_BODY);
	for (size_t i = verify->fields.state_count; i-- > 0;) {
		verify->known[i].body = current;
		if (i == 0 || !verify->known[i].recipe.body_changed || current == NO_BODY)
			continue;
		if (verify->known[i].recipe.body_lost || verify->body_count == DKIM2_BODIES_MAX) {
			current = NO_BODY;
			continue;
		}
		current = (int)verify->body_count++;
		dkim_body_begin(&verify->bodies[current], true, DKIM_WHOLE_BODY);
		dkim2_undo_begin(&verify->undo[current], &verify->known[i].recipe.body, &verify->bodies[current]);
		if (current > 1)
			verify->undo[current - 1].next = &verify->undo[current];
	}
}

static void read_recipes(struct dkim2_verify *verify)
{
	for (size_t i = 0; i < verify->fields.state_count; i++) {
		struct slice recipe = verify->fields.states[i].recipe;
		if (!recipe.at || dkim2_recipe_read(recipe, verify->arena, &verify->known[i].recipe))
			continue;
		blame_instance(verify, i, DKIM2_SYNTAX, SLICE(""));
		verify->known[i].recipe.header_lost = verify->known[i].recipe.body_lost = verify->known[i].recipe.body_changed = true;
	}
}

/* What those ask who have signed, of all who come after them. */
static void check_requests(struct dkim2_verify *verify)
{
	unsigned asked = 0;
	uint64_t unchanged = 0;
	for (size_t i = 0; i < verify->fields.signature_count; i++) {
		const struct dkim2_signature *signature = &verify->fields.signatures[i];
		if (asked & DKIM2_FLAG_DONOTEXPLODE && signature->flags & DKIM2_FLAG_EXPLODED)
			conclude(verify, DKIM2_EXPLODED, say(verify, DKIM2_EXPLODED, SLICE("")));
		for (uint64_t m = unchanged; asked & DKIM2_FLAG_DONOTMODIFY && m < signature->instance; m++) {
			const struct dkim2_recipe *recipe = &verify->known[m].recipe;
			if (recipe->body_changed || recipe->header_lost || recipe->takes_away)
				conclude(verify, DKIM2_MODIFIED, say(verify, DKIM2_MODIFIED, SLICE("")));
		}
		asked |= signature->flags;
		unchanged = signature->instance;
	}
}

/* ---- the beginning ---- */

static void begin(struct dkim2_verify *verify, const struct dkim2_header *header)
{
	verify->known = arena_array(verify->arena, verify->fields.state_count, sizeof *verify->known);
	tell_hops(verify);
	check_times(verify);
	check_envelope(verify);
	check_custody(verify);
	read_recipes(verify);
	check_requests(verify);
	hash_headers(verify, *header);
	begin_bodies(verify);
}

struct dkim2_verify *dkim2_verify_new(struct slice text, const struct dkim2_envelope *envelope, int64_t now)
{
	struct dkim2_verify *verify = memory_new(sizeof *verify);
	struct dkim2_header header;
	struct header_field field;
	verify->arena = arena_new();
	verify->envelope = envelope;
	verify->now = now;
	verify->verdict = (struct dkim2_verdict){.result = DKIM2_PASS, .reason = DKIM2_VALID, .why = SLICE("the chain is valid")};
	dkim2_header_read(text, verify->arena, &header);
	enum dkim2_reason reason = DKIM2_HEADER_LARGE;
	if (!header.large)
		reason = dkim2_fields_read(text, verify->arena, &verify->fields);
	else if (!header_find(text, SLICE("DKIM2-Signature"), &field))
		reason = DKIM2_ABSENT;
	if (reason == DKIM2_VALID)
		begin(verify, &header);
	else
		refuse(verify, reason);
	return verify;
}

bool dkim2_verify_ask(const struct dkim2_verify *verify, struct lookup *table)
{
	bool there = true;
	for (size_t i = 0; verify->body_count > 0 && i < verify->fields.signature_count; i++)
		for (size_t j = 0; j < verify->fields.signatures[i].value_count; j++)
			if (verify->fields.signatures[i].values[j].known)
				there &= lookup_get(table, LOOKUP_TXT, verify->fields.signatures[i].values[j].key)->status != LOOKUP_WANTED;
	return there;
}

void dkim2_verify_body(struct dkim2_verify *verify, struct slice piece)
{
	if (verify->body_count > 0)
		dkim_body_add(&verify->bodies[0], piece);
	if (verify->body_count > 1)
		dkim2_undo_add(&verify->undo[1], piece);
}

/* ---- signatures ---- */

static enum dkim2_reason key_fault(enum dkim_reason reason)
{
	switch (reason) {
	case DKIM_VALID:
		return DKIM2_VALID;
	case DKIM_KEY_TEMPORARY:
		return DKIM2_KEY_TEMPORARY;
	case DKIM_KEY_NONE:
		return DKIM2_KEY_NONE;
	case DKIM_KEY_OTHER:
		return DKIM2_KEY_OTHER;
	case DKIM_KEY_REVOKED:
		return DKIM2_KEY_REVOKED;
	case DKIM_KEY_LONG:
	case DKIM_KEY_SYNTAX:
		return DKIM2_KEY_SYNTAX;
	default:
		return DKIM2_KEY_UNFIT;
	}
}

static enum dkim2_reason check_value(const struct dkim2_value *value, const unsigned char digest[DKIM_DIGEST_SIZE], struct lookup *table)
{
	struct dkim_key key;
	const struct lookup_answer *answer = lookup_get(table, LOOKUP_TXT, value->key);
	if (answer->status == LOOKUP_FOUND && answer->count > 1)
		return DKIM2_KEY_MULTIPLE;
	enum dkim2_reason reason = key_fault(dkim_key_choose_any_hash(answer, value->algorithm, &key));
	if (reason == DKIM2_VALID && !dkim_key_verifies(&key, value->algorithm, digest, value->bytes))
		reason = DKIM2_SIGNATURE_WRONG;
	dkim_key_clear(&key);
	return reason;
}

/* All of them must be right: who has a weak kind of key broken hasn't the other. */
static void check_signature(struct dkim2_verify *verify, size_t index, struct lookup *table)
{
	const struct dkim2_signature *signature = &verify->fields.signatures[index];
	unsigned char digest[DKIM_DIGEST_SIZE];
	EVP_MD_CTX *hash = EVP_MD_CTX_new();
	size_t known = 0;
	EVP_DigestInit_ex(hash, EVP_sha256(), NULL);
	dkim2_fields_hash(&verify->fields, index, signature->instance, hash);
	EVP_DigestUpdate(hash, signature->unsigned_text.at, signature->unsigned_text.len);
	EVP_DigestFinal_ex(hash, digest, NULL);
	EVP_MD_CTX_free(hash);
	for (size_t i = 0; i < signature->value_count; i++) {
		if (!signature->values[i].known)
			continue;
		known++;
		enum dkim2_reason reason = check_value(&signature->values[i], digest, table);
		if (reason != DKIM2_VALID)
			blame_hop(verify, index, reason, signature->values[i].key);
	}
	if (known == 0)
		blame_hop(verify, index, DKIM2_ALGORITHM_UNKNOWN, SLICE(""));
}

/* ---- hashes ---- */

static void mismatch(struct dkim2_verify *verify, size_t index, enum dkim2_reason reason, const unsigned char digest[DKIM_DIGEST_SIZE])
{
	struct buf text = BUF(DKIM_DIGEST_SIZE * 2);
	buf_append_text(&text, "sha256:");
	base64_encode(slice_make((const char *)digest, DKIM_DIGEST_SIZE), &text);
	blame_instance(verify, index, reason, buf_slice(&text));
	buf_free(&text);
}

static void check_instance(struct dkim2_verify *verify, size_t index)
{
	const struct dkim2_state *state = &verify->fields.states[index];
	const struct known *known = &verify->known[index];
	verify->instances[index].recreated = known->header && known->body != NO_BODY;
	if (!state->hashed) {
		blame_instance(verify, index, DKIM2_ALGORITHM_UNKNOWN, SLICE(""));
		return;
	}
	if (known->header && memcmp(state->header_hash.at, known->header_hash, DKIM_DIGEST_SIZE) != 0)
		mismatch(verify, index, DKIM2_HEADER_CHANGED, known->header_hash);
	if (known->body != NO_BODY && memcmp(state->body_hash.at, verify->bodies[known->body].digest, DKIM_DIGEST_SIZE) != 0)
		mismatch(verify, index, DKIM2_BODY_CHANGED, verify->bodies[known->body].digest);
	if (!verify->instances[index].recreated)
		blame_instance(verify, index, DKIM2_LOST, SLICE(""));
}

static void end_bodies(struct dkim2_verify *verify)
{
	for (size_t i = 1; i < verify->body_count; i++)
		dkim2_undo_end(&verify->undo[i]);
	for (size_t i = 0; i < verify->body_count; i++)
		dkim_body_end(&verify->bodies[i]);
	for (size_t i = 1; i < verify->fields.state_count; i++) {
		int before = verify->known[i - 1].body;
		if (before > 0 && before != verify->known[i].body && verify->undo[before].wrong)
			blame_instance(verify, i, DKIM2_RECIPE_WRONG, SLICE(""));
	}
}

const struct dkim2_verdict *dkim2_verify_end(struct dkim2_verify *verify, struct lookup *table)
{
	if (!verify->ended && verify->body_count > 0) {
		for (size_t i = verify->fields.signature_count; i-- > 0;)
			check_signature(verify, i, table);
		end_bodies(verify);
		for (size_t i = verify->fields.state_count; i-- > 0;)
			check_instance(verify, i);
		ERR_clear_error();
	}
	verify->ended = true;
	return &verify->verdict;
}

void dkim2_verify_free(struct dkim2_verify **verify)
{
	if (!*verify)
		return;
	for (size_t i = 0; i < (*verify)->body_count; i++)
		dkim_body_clear(&(*verify)->bodies[i]);
	arena_free(&(*verify)->arena);
	free(*verify);
	*verify = NULL;
}
