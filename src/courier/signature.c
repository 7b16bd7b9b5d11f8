/* Signing: the courier hashes, and the auth role, which has the keys, signs the digest. Whose domain signs is said by the From field, whose
 * writer was checked when the message was submitted. */
#include "courier/signature.h"

#include "auth/auth.h"
#include "base/clock.h"
#include "courier/custody.h"
#include "courier/seal.h"
#include "message/address.h"
#include "message/header.h"

enum { AUTHORS_MAX = 2 /* what is From's domain is asked of the first */, HEADER_END = 4 };

void courier_signature_begin(struct courier_signature *signature, struct auth *auth, bool by_author, struct courier_custody *custody, struct courier_seal *seal,
			     struct arena *arena)
{
	*signature = (struct courier_signature){.auth = auth, .arena = arena, .by_author = by_author, .custody = custody, .seal = seal, .header = BUF(DKIM_HEADER_MAX)};
}

/* In ASCII; empty: there is none. */
static struct slice author_domain(struct slice header, struct arena *arena)
{
	struct header_field from;
	struct address *authors;
	size_t count = 0;
	if (header_find(header, SLICE("From"), &from))
		address_parse_list(from.body, AUTHORS_MAX, arena, &authors, &count);
	return count > 0 && authors[0].kind == ADDRESS_MAILBOX ? domain_to_ascii(authors[0].domain, arena) : (struct slice){0};
}

static void choose_keys(struct courier_signature *signature)
{
	size_t count = 0;
	if (signature->by_author && signature->domain.len > 0)
		signature->failed = !auth_signing_keys(signature->auth, signature->domain, signature->arena, &signature->keys, &count);
	signature->count = count < DKIM_SIGNATURES_MAX ? count : DKIM_SIGNATURES_MAX;
	for (size_t i = 0; i < signature->count; i++)
		signature->signers[i] = (struct dkim_signer){.domain = signature->domain, .selector = signature->keys[i].selector, .made = clock_now(),
			.algorithm = signature->keys[i].ed25519 ? DKIM_ED25519_SHA256 : DKIM_RSA_SHA256};
}

static void begin_body(struct courier_signature *signature)
{
	struct slice header = buf_slice(&signature->header);
	signature->in_body = true;
	if (header.len == 0 || header.len != header_length(header))
		return; /* others would find another end of the header */
	signature->domain = author_domain(header, signature->arena);
	if (signature->custody)
		courier_custody_begin(signature->custody, header, signature->domain);
	if (signature->seal)
		courier_seal_begin(signature->seal, header);
	choose_keys(signature);
	if (signature->count > 0 && !signature->failed)
		signature->sign = dkim_sign_new(header, signature->signers, signature->count);
}

/* Takes of `bytes` what belongs to the header, the empty line included. */
static struct slice take_header(struct courier_signature *signature, struct slice bytes)
{
	size_t before = signature->header.len, from = before < HEADER_END ? 0 : before - HEADER_END + 1;
	if (!buf_append(&signature->header, bytes)) {
		buf_clear(&signature->header); /* too large to be signed */
		begin_body(signature);
		return bytes;
	}
	size_t at = slice_find(slice_skip(buf_slice(&signature->header), from), SLICE("\r\n\r\n"));
	if (at == SLICE_NONE)
		return (struct slice){0};
	signature->header.len = from + at + HEADER_END;
	struct slice rest = slice_skip(bytes, signature->header.len - before);
	begin_body(signature);
	return rest;
}

bool courier_signature_add(void *context, struct slice bytes)
{
	struct courier_signature *signature = context;
	if (!signature->in_body)
		bytes = take_header(signature, bytes);
	if (signature->sign && bytes.len > 0)
		dkim_sign_body(signature->sign, bytes);
	if (signature->custody && bytes.len > 0)
		courier_custody_body(signature->custody, bytes);
	if (signature->seal && bytes.len > 0)
		courier_seal_body(signature->seal, bytes);
	return true;
}

static bool sign_one(struct courier_signature *signature, size_t index, struct buf *out)
{
	unsigned char digest[DKIM_DIGEST_SIZE];
	struct buf value = BUF(AUTH_SIGNATURE_MAX);
	dkim_sign_digest(signature->sign, index, digest);
	bool done = auth_sign(signature->auth, signature->domain, signature->signers[index].selector, digest, &value);
	if (done)
		dkim_sign_field(signature->sign, index, buf_slice(&value), out);
	buf_free(&value);
	return done;
}

bool courier_signature_end(struct courier_signature *signature, struct buf *out)
{
	if (!signature->in_body)
		begin_body(signature);
	if (signature->custody)
		courier_custody_end(signature->custody, out);
	if (signature->seal)
		courier_seal_end(signature->seal, out);
	bool done = !signature->failed && !(signature->custody && signature->custody->failed) && !(signature->seal && signature->seal->failed);
	for (size_t i = 0; signature->sign && i < signature->count && done; i++)
		done = sign_one(signature, i, out);
	dkim_sign_free(&signature->sign);
	buf_free(&signature->header);
	return done;
}
