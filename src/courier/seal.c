/* Sealing what is passed on. What is sealed is what this server itself has found: the first Authentication-Results field, if it bears our name; others' that do were
 * removed when the message came (smtp/trace.c). A message that wasn't checked isn't sealed. */
#include "courier/seal.h"

#include "auth/auth.h"
#include "authres/authres.h"
#include "base/clock.h"
#include "config/config.h"
#include "message/address.h"
#include "message/header.h"

/* *passed: it says that the chain of seals is valid. */
static bool find_results(struct slice header, struct arena *arena, struct slice *results, bool *passed)
{
	struct header_field field;
	struct authres_result *list;
	struct slice by;
	size_t count = 0;
	if (!header_find(header, SLICE("Authentication-Results"), &field) || !authres_read(field.body, arena, &by, &list, &count))
		return false;
	*results = field.body;
	for (size_t i = 0; i < count; i++)
		*passed |= slice_equal_nocase(list[i].method, SLICE("arc")) && slice_equal_nocase(list[i].result, SLICE("pass"));
	return slice_equal_nocase(by, slice_of(config_current()->hostname)) && count > 0;
}

static bool choose_key(struct courier_seal *seal)
{
	struct auth_signing_key *keys;
	struct slice local, domain;
	size_t count = 0;
	address_split(seal->holder, &local, &domain);
	seal->sealer.domain = domain_to_ascii(domain, seal->arena);
	if (seal->sealer.domain.len == 0)
		return false;
	seal->failed = !auth_signing_keys(seal->auth, seal->sealer.domain, seal->arena, &keys, &count);
	for (size_t i = 0; i < count && !seal->failed; i++)
		if (!keys[i].ed25519) {
			seal->sealer.selector = keys[i].selector;
			return true;
		}
	return false;
}

void courier_seal_begin(struct courier_seal *seal, struct slice header)
{
	seal->sealer = (struct arc_sealer){.made = clock_now()};
	if (find_results(header, seal->arena, &seal->sealer.results, &seal->sealer.chain_passed) && choose_key(seal))
		seal->seal = arc_seal_new(header, &seal->sealer);
}

void courier_seal_body(struct courier_seal *seal, struct slice piece)
{
	if (seal->seal)
		arc_seal_body(seal->seal, piece);
}

static bool sign(const struct courier_seal *seal, const unsigned char digest[DKIM_DIGEST_SIZE], struct buf *value)
{
	return auth_sign(seal->auth, seal->sealer.domain, seal->sealer.selector, digest, value);
}

void courier_seal_end(struct courier_seal *seal, struct buf *out)
{
	unsigned char digest[DKIM_DIGEST_SIZE];
	struct buf message = BUF(AUTH_SIGNATURE_MAX), own = BUF(AUTH_SIGNATURE_MAX);
	if (!seal->seal)
		return;
	arc_seal_message_digest(seal->seal, digest);
	seal->failed = !sign(seal, digest, &message);
	if (!seal->failed) {
		arc_seal_digest(seal->seal, buf_slice(&message), digest);
		seal->failed = !sign(seal, digest, &own);
	}
	if (!seal->failed)
		arc_seal_fields(seal->seal, buf_slice(&own), out);
	arc_seal_free(&seal->seal);
	buf_free(&message);
	buf_free(&own);
}
