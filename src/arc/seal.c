/* Sealing (RFC 8617 §5.1): three fields, of which the second is made as a DKIM signature is, and the third covers all sets. */
#include <openssl/evp.h>

#include "arc/internal.h"
#include "base/base64.h"
#include "base/memory.h"
#include "dkim/fields.h"

enum { COLUMNS = 72 /* of base64 */ };

struct arc_sealing {
	struct arena *arena;
	const struct arc_sealer *sealer;
	struct arc_verify *before; /* the sets that there are */
	size_t instance;
	struct dkim_signer signer;
	struct dkim_sign *message;
	struct slice results, signature, head; /* the fields, with line ends; head: the seal up to "b=" */
};

struct arc_sealing *arc_seal_new(struct slice header, const struct arc_sealer *sealer)
{
	struct arc_sealing *seal = memory_new(sizeof *seal);
	size_t count = 0;
	seal->arena = arena_new();
	seal->sealer = sealer;
	seal->before = arc_verify_new(header);
	bool whole = arc_verify_is_whole(seal->before, &count) && count < ARC_SETS_MAX && (count == 0 || sealer->chain_passed);
	seal->instance = count + 1;
	seal->signer = (struct dkim_signer){.domain = sealer->domain, .selector = sealer->selector, .algorithm = DKIM_RSA_SHA256, .made = sealer->made, .instance = (unsigned)seal->instance};
	seal->results = arena_printf(seal->arena, "ARC-Authentication-Results: i=%zu;%s%.*s\r\n", seal->instance, slice_starts(sealer->results, SLICE(" ")) ? "" : " ", SLICE_ARG(sealer->results));
	seal->message = whole && sealer->results.len <= ARC_RESULTS_MAX ? dkim_sign_new(header, &seal->signer, 1) : NULL;
	if (!seal->message)
		arc_seal_free(&seal);
	return seal;
}

void arc_seal_body(struct arc_sealing *seal, struct slice piece)
{
	dkim_sign_body(seal->message, piece);
}

void arc_seal_message_digest(struct arc_sealing *seal, unsigned char digest[DKIM_DIGEST_SIZE])
{
	dkim_sign_digest(seal->message, 0, digest);
}

static void hash_field(struct slice whole, bool last, EVP_MD_CTX *hash)
{
	dkim_field_hash(&(struct header_field){.whole = whole}, (struct slice){0}, false, last, hash);
}

void arc_seal_digest(struct arc_sealing *seal, struct slice message_signature, unsigned char digest[DKIM_DIGEST_SIZE])
{
	const struct arc_sealer *sealer = seal->sealer;
	struct buf signature = BUF(DKIM_FIELD_MAX);
	EVP_MD_CTX *hash = EVP_MD_CTX_new();
	dkim_sign_field(seal->message, 0, message_signature, &signature);
	seal->signature = arena_copy(seal->arena, buf_slice(&signature));
	buf_free(&signature);
	seal->head = arena_printf(seal->arena, "ARC-Seal: i=%zu; a=rsa-sha256; cv=%s; t=%lld;\r\n\td=%.*s; s=%.*s;\r\n\tb=", seal->instance, seal->instance == 1 ? "none" : "pass",
				  (long long)sealer->made, SLICE_ARG(sealer->domain), SLICE_ARG(sealer->selector));
	EVP_DigestInit_ex(hash, EVP_sha256(), NULL);
	arc_verify_hash_sets(seal->before, hash);
	hash_field(seal->results, false, hash);
	hash_field(seal->signature, false, hash);
	hash_field(arena_printf(seal->arena, "%.*s\r\n", SLICE_ARG(seal->head)), true, hash);
	EVP_DigestFinal_ex(hash, digest, NULL);
	EVP_MD_CTX_free(hash);
}

void arc_seal_fields(struct arc_sealing *seal, struct slice signature, struct buf *out)
{
	struct buf text = BUF(2 * DKIM_SIGNATURE_MAX);
	base64_encode(signature, &text);
	buf_append(out, seal->head);
	for (size_t at = 0; at < text.len; at += COLUMNS) {
		buf_append_text(out, at > 0 ? "\r\n\t" : "");
		buf_append(out, slice_sub(buf_slice(&text), at, COLUMNS));
	}
	buf_append_text(out, "\r\n");
	buf_append(out, seal->signature);
	buf_append(out, seal->results);
	buf_free(&text);
}

void arc_seal_free(struct arc_sealing **seal)
{
	if (!*seal)
		return;
	dkim_sign_free(&(*seal)->message);
	arc_verify_free(&(*seal)->before);
	arena_free(&(*seal)->arena);
	free(*seal);
	*seal = NULL;
}
