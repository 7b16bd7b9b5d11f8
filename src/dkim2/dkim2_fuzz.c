/* Fuzzing of chains: a line that is the record of every key, and a message. Whatever comes, pieces of any size say the same; and what can be signed verifies. */
#include "base/memory.h"
#include "dkim2/dkim2.h"
#include "message/header.h"

enum { PIECE = 5, NOW = 1800000000 };

static void must(bool held)
{
	if (!held)
		abort();
}

static enum dkim2_reason verify(struct slice message, struct slice record, const struct dkim2_envelope *envelope, size_t piece)
{
	size_t length = header_length(message);
	struct lookup_record records[] = {{.data = record}};
	struct lookup_answer answer = {.status = LOOKUP_FOUND, .records = records, .count = 1};
	struct lookup *table = lookup_new();
	struct dkim2_verify *verify = dkim2_verify_new(slice_sub(message, 0, length), envelope, NOW);
	enum lookup_type type;
	struct slice name;
	dkim2_verify_ask(verify, table);
	for (size_t cursor = 0; lookup_next_wanted(table, &cursor, &type, &name);)
		lookup_put(table, type, name, &answer);
	must(dkim2_verify_ask(verify, table));
	for (size_t at = length; at < message.len; at += piece)
		dkim2_verify_body(verify, slice_sub(message, at, piece));
	const struct dkim2_verdict *verdict = dkim2_verify_end(verify, table);
	enum dkim2_reason reason = verdict->reason;
	must(verdict->hop_count <= DKIM2_SIGNATURES_MAX && verdict->instance_count <= DKIM2_SIGNATURES_MAX && verdict->why.len > 0);
	dkim2_verify_free(&verify);
	lookup_free(&table);
	return reason;
}

/* What was right, or not signed at all, is right behind one hop more. */
static void sign(struct slice message, EVP_PKEY *key, struct slice record, enum dkim2_reason before)
{
	static const struct slice recipients[] = {{"b@two.example", 13}};
	static const struct dkim2_signer signer = {.selector = {"e", 1}, .algorithm = DKIM_ED25519_SHA256};
	const struct dkim2_signing signing = {.domain = SLICE("one.example"), .envelope = {SLICE("a@one.example"), recipients, 1}, .made = NOW, .signers = &signer, .signer_count = 1};
	unsigned char digest[DKIM_DIGEST_SIZE];
	struct buf value = BUF(DKIM_SIGNATURE_MAX), whole = BUF(message.len + DKIM2_SIGNED_MAX);
	struct error error;
	enum dkim2_reason reason;
	size_t length = header_length(message);
	struct dkim2_sign *sign = dkim2_sign_new(slice_sub(message, 0, length), &signing, &reason);
	if (!sign)
		return;
	dkim2_sign_body(sign, slice_skip(message, length));
	reason = dkim2_sign_digest(sign, digest);
	must(dkim_key_sign(key, digest, &value, &error));
	struct slice text = buf_slice(&value);
	if (reason == DKIM2_VALID) {
		dkim2_sign_fields(sign, &text, &whole);
		buf_append(&whole, message);
		if (before == DKIM2_VALID || before == DKIM2_ABSENT)
			must(verify(buf_slice(&whole), record, &signing.envelope, SIZE_MAX / 2) == DKIM2_VALID || whole.len > DKIM_HEADER_MAX);
	}
	dkim2_sign_free(&sign);
	buf_free(&value);
	buf_free(&whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct slice pem = {"-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n", 119};
	static const struct slice record = {"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", 66};
	static EVP_PKEY *key;
	enum dkim_algorithm algorithm;
	struct error error;
	struct slice first, message;
	if (!key)
		must((key = dkim_key_read(pem, &algorithm, &error)) != NULL);
	slice_cut(slice_make((const char *)data, size), '\n', &first, &message);
	enum dkim2_reason whole = verify(message, first, NULL, SIZE_MAX / 2);
	must(verify(message, first, NULL, PIECE) == whole);
	sign(message, key, record, whole == DKIM2_VALID && !slice_equal(first, record) ? DKIM2_SYNTAX : whole);
	return 0;
}
