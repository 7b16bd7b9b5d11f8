/* Fuzzing of signatures: a line that is a key record, and a message. Whatever comes, pieces of any size say the same; and what can be signed
 * verifies. */
#include "base/memory.h"
#include "dkim/dkim.h"
#include "message/header.h"

enum { PIECE = 7, NOW = 1528637909 };

static void must(bool held)
{
	if (!held)
		abort();
}

/* Every name has the record. */
static void answer(struct lookup *table, struct slice record)
{
	struct lookup_record records[] = {{.data = record}};
	struct lookup_answer given = {.status = LOOKUP_FOUND, .records = records, .count = 1};
	enum lookup_type type;
	struct slice name;
	for (size_t cursor = 0; lookup_next_wanted(table, &cursor, &type, &name);)
		lookup_put(table, type, name, &given);
}

static size_t verify(struct slice message, struct slice record, size_t piece, enum dkim_reason reasons[DKIM_SIGNATURES_MAX + 1])
{
	size_t length = header_length(message), count;
	struct lookup *table = lookup_new();
	struct dkim_verify *verify = dkim_verify_new(slice_sub(message, 0, length), NOW);
	dkim_verify_ask(verify, table);
	answer(table, record);
	must(dkim_verify_ask(verify, table));
	for (size_t at = length; at < message.len; at += piece)
		dkim_verify_body(verify, slice_sub(message, at, piece));
	const struct dkim_verdict *verdicts = dkim_verify_end(verify, table, &count);
	for (size_t i = 0; i < count; i++)
		reasons[i] = verdicts[i].reason;
	dkim_verify_free(&verify);
	lookup_free(&table);
	return count;
}

static void sign(struct slice message, EVP_PKEY *key, struct slice record)
{
	static const struct dkim_signer signer = {.domain = {"example.org", 11}, .selector = {"e", 1}, .algorithm = DKIM_ED25519_SHA256, .made = NOW};
	unsigned char digest[DKIM_DIGEST_SIZE];
	struct buf signature = BUF(DKIM_SIGNATURE_MAX), whole = BUF(message.len + DKIM_FIELD_MAX);
	struct error error;
	enum dkim_reason reasons[DKIM_SIGNATURES_MAX + 1];
	size_t length = header_length(message);
	struct dkim_sign *signing = dkim_sign_new(slice_sub(message, 0, length), &signer, 1);
	if (!signing)
		return;
	dkim_sign_body(signing, slice_skip(message, length));
	dkim_sign_digest(signing, 0, digest);
	must(dkim_key_sign(key, digest, &signature, &error));
	dkim_sign_field(signing, 0, buf_slice(&signature), &whole);
	dkim_sign_free(&signing);
	buf_append(&whole, message);
	must(verify(buf_slice(&whole), record, SIZE_MAX / 2, reasons) >= 1 && (reasons[0] == DKIM_VALID || whole.len > DKIM_HEADER_MAX));
	buf_free(&signature);
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
	enum dkim_reason whole[DKIM_SIGNATURES_MAX + 1], pieces[DKIM_SIGNATURES_MAX + 1];
	if (!key)
		must((key = dkim_key_read(pem, &algorithm, &error)) != NULL);
	slice_cut(slice_make((const char *)data, size), '\n', &first, &message);
	size_t count = verify(message, first, SIZE_MAX / 2, whole);
	must(verify(message, first, PIECE, pieces) == count && memcmp(whole, pieces, count * sizeof *whole) == 0);
	sign(message, key, record);
	return 0;
}
