/* Taking a message over and handing it on, signed. The domain that signs is the envelope sender's: for what is passed on that is the address of ours that
 * stands in the place of the stranger's (SRS), which is how others see that the message has come from where it was sent to. */
#include "courier/custody.h"

#include "auth/auth.h"
#include "base/clock.h"
#include "message/address.h"
#include "message/header.h"

static struct slice signing_domain(const struct courier_custody *custody, struct slice author)
{
	struct slice local, domain, sender = custody->envelope.from.len > 0 ? custody->envelope.from : custody->holder;
	if (sender.len == 0)
		return author;
	address_split(sender, &local, &domain);
	return domain_to_ascii(domain.len > 0 ? domain : sender, custody->arena);
}

static bool choose_keys(struct courier_custody *custody, struct slice domain)
{
	struct auth_signing_key *keys = NULL;
	size_t count = 0;
	custody->failed = domain.len > 0 && !auth_signing_keys(custody->auth, domain, custody->arena, &keys, &count);
	count = count < DKIM2_VALUES_MAX ? count : DKIM2_VALUES_MAX;
	for (size_t i = 0; i < count; i++)
		custody->signers[i] = (struct dkim2_signer){keys[i].selector, keys[i].ed25519 ? DKIM_ED25519_SHA256 : DKIM_RSA_SHA256};
	custody->signing = (struct dkim2_signing){.domain = domain, .envelope = custody->envelope, .flags = custody->flags, .made = clock_now(), .signers = custody->signers,
		.signer_count = count};
	return !custody->failed && count > 0;
}

void courier_custody_begin(struct courier_custody *custody, struct slice header, struct slice author)
{
	struct header_field field;
	custody->reason = DKIM2_ABSENT;
	if (custody->passed_on && !header_find(header, SLICE("DKIM2-Signature"), &field))
		return;
	if (choose_keys(custody, signing_domain(custody, author)))
		custody->sign = dkim2_sign_new(header, &custody->signing, &custody->reason);
}

void courier_custody_body(struct courier_custody *custody, struct slice piece)
{
	if (custody->sign)
		dkim2_sign_body(custody->sign, piece);
}

static bool sign_all(struct courier_custody *custody, const unsigned char digest[DKIM_DIGEST_SIZE], struct slice *values)
{
	bool done = true;
	for (size_t i = 0; i < custody->signing.signer_count && done; i++) {
		struct buf value = BUF(AUTH_SIGNATURE_MAX);
		done = auth_sign(custody->auth, custody->signing.domain, custody->signers[i].selector, digest, &value);
		values[i] = arena_copy(custody->arena, buf_slice(&value));
		buf_free(&value);
	}
	return done;
}

void courier_custody_end(struct courier_custody *custody, struct buf *out)
{
	unsigned char digest[DKIM_DIGEST_SIZE];
	struct slice values[DKIM2_VALUES_MAX];
	if (!custody->sign)
		return;
	custody->reason = dkim2_sign_digest(custody->sign, digest);
	if (custody->reason == DKIM2_VALID) {
		custody->failed = !sign_all(custody, digest, values);
		if (!custody->failed)
			dkim2_sign_fields(custody->sign, values, out);
	}
	dkim2_sign_free(&custody->sign);
}
