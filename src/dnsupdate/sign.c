/* Signatures of messages to and from name servers (RFC 8945); see internal.h. */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/crypto.h>

#include "dnsupdate/internal.h"

enum {
	ERROR_BAD_SIGNATURE = 16, ERROR_BAD_KEY = 17, ERROR_BAD_TIME = 18, ERROR_BAD_TRUNCATION = 22, /* RFC 8945 §5.2 */
	MAX_NAME_TEXT = LOOKUP_NAME_MAX + 1,
	ADDITIONAL_AT = 10,           /* where a header counts the records of the last section */
	CLOCK_BYTES = 6,
};

static const EVP_MD *digest_of(enum config_dns_update_algorithm algorithm)
{
	return algorithm == CONFIG_HMAC_SHA512 ? EVP_sha512() : algorithm == CONFIG_HMAC_SHA384 ? EVP_sha384() : EVP_sha256();
}

/* Signatures are over names in lower case (RFC 8945 §4.3.3). */
static void put_lower_name(struct buf *out, struct slice name)
{
	char text[MAX_NAME_TEXT];
	size_t len = name.len < sizeof text ? name.len : 0;
	for (size_t i = 0; i < len; i++)
		text[i] = ascii_lower(name.at[i]);
	if (!dns_update_put_name(out, slice_make(text, len)))
		out->overflow = true;
}

/* What a signature is over besides the message (RFC 8945 §4.3.3). */
static void put_variables(struct buf *out, const struct dns_update_server *server, const struct dns_update_tsig *tsig)
{
	put_lower_name(out, server->key);
	dns_update_put_number(out, CLASS_ANY, 2);
	dns_update_put_number(out, 0, 4);
	put_lower_name(out, slice_of(config_dns_update_algorithms[server->algorithm]));
	dns_update_put_number(out, tsig->time, CLOCK_BYTES);
	dns_update_put_number(out, tsig->fudge, 2);
	dns_update_put_number(out, tsig->error, 2);
	dns_update_put_number(out, tsig->other.len, 2);
	buf_append(out, tsig->other);
}

static bool compute(const struct dns_update_server *server, struct slice input, struct dns_update_mac *mac)
{
	unsigned len = 0;
	bool done = HMAC(digest_of(server->algorithm), server->secret.at, (int)server->secret.len, (const unsigned char *)input.at, input.len, mac->bytes, &len) != NULL;
	mac->len = len;
	return done;
}

static void put_signature(struct buf *message, const struct dns_update_server *server, const struct dns_update_tsig *tsig, const struct dns_update_mac *mac)
{
	struct buf data = BUF(SIGNATURE_MAX);
	put_lower_name(&data, slice_of(config_dns_update_algorithms[server->algorithm]));
	dns_update_put_number(&data, tsig->time, CLOCK_BYTES);
	dns_update_put_number(&data, tsig->fudge, 2);
	dns_update_put_number(&data, mac->len, 2);
	buf_append(&data, slice_make((const char *)mac->bytes, mac->len));
	dns_update_put_number(&data, tsig->original_id, 2);
	dns_update_put_number(&data, 0, 4); /* no error, nothing else */
	put_lower_name(message, server->key);
	dns_update_put_number(message, DNS_UPDATE_TSIG, 2);
	dns_update_put_number(message, CLASS_ANY, 2);
	dns_update_put_number(message, 0, 4);
	dns_update_put_number(message, data.len, 2);
	buf_append(message, buf_slice(&data));
	buf_free(&data);
}

bool dns_update_sign(const struct dns_update_server *server, int64_t now, struct buf *message, struct dns_update_mac *mac)
{
	struct buf input = BUF(MESSAGE_MAX + SIGNATURE_MAX);
	struct dns_update_tsig tsig = {.time = (uint64_t)now, .fudge = TSIG_FUDGE};
	if (message->overflow || message->len < MESSAGE_HEADER)
		return false;
	tsig.original_id = (unsigned)(unsigned char)message->at[0] << 8 | (unsigned char)message->at[1];
	buf_append(&input, buf_slice(message));
	put_variables(&input, server, &tsig);
	bool done = !input.overflow && compute(server, buf_slice(&input), mac);
	buf_free(&input);
	put_signature(message, server, &tsig, mac);
	if (done && !message->overflow)
		message->at[ADDITIONAL_AT + 1]++; /* there was none before */
	return done && !message->overflow;
}

/* The answer as it was before its signature was added (RFC 8945 §5.4.1), behind the question's signature. */
static void put_answer(struct buf *out, struct slice answer, const struct dns_update_tsig *tsig, const struct dns_update_mac *mac)
{
	unsigned additional = (unsigned)(unsigned char)answer.at[ADDITIONAL_AT] << 8 | (unsigned char)answer.at[ADDITIONAL_AT + 1];
	dns_update_put_number(out, mac->len, 2);
	buf_append(out, slice_make((const char *)mac->bytes, mac->len));
	dns_update_put_number(out, tsig->original_id, 2);
	buf_append(out, slice_sub(answer, 2, ADDITIONAL_AT - 2));
	dns_update_put_number(out, additional - 1, 2);
	buf_append(out, slice_sub(answer, MESSAGE_HEADER, tsig->at - MESSAGE_HEADER));
}

static bool is_of_key(const struct dns_update_server *server, const struct dns_update_tsig *tsig)
{
	return slice_equal_nocase(tsig->key, server->key) && slice_equal_nocase(tsig->algorithm, slice_of(config_dns_update_algorithms[server->algorithm]));
}

/* Errors that say why the server took no signature; it can't sign these itself but for the last. */
static bool explain(const struct dns_update_server *server, unsigned code, struct error *error)
{
	switch (code) {
	case ERROR_BAD_SIGNATURE:
		return error_set(error, ERROR_DENIED, "the name server %.*s has another secret for the key \"%.*s\" than the file says (BADSIG)", SLICE_ARG(server->place),
				 SLICE_ARG(server->key));
	case ERROR_BAD_KEY:
		return error_set(error, ERROR_DENIED, "the name server %.*s doesn't know the key \"%.*s\" with %s (BADKEY)", SLICE_ARG(server->place), SLICE_ARG(server->key),
				 config_dns_update_algorithms[server->algorithm]);
	case ERROR_BAD_TIME:
		return error_set(error, ERROR_DENIED, "the clocks of this machine and of the name server %.*s differ by more than five minutes (BADTIME)", SLICE_ARG(server->place));
	case ERROR_BAD_TRUNCATION:
		return error_set(error, ERROR_DENIED, "the name server %.*s takes no signature as short as that (BADTRUNC)", SLICE_ARG(server->place));
	default:
		return error_set(error, ERROR_DENIED, "the name server %.*s doesn't take the signature, with the error %u", SLICE_ARG(server->place), code);
	}
}

bool dns_update_verify(const struct dns_update_server *server, struct slice answer, const struct dns_update_reading *reading,
		       const struct dns_update_mac *mac, int64_t now, struct error *error)
{
	const struct dns_update_tsig *tsig = &reading->tsig;
	struct buf input = BUF(MESSAGE_MAX + SIGNATURE_MAX);
	struct dns_update_mac right;
	if (tsig->there && tsig->error != 0)
		return explain(server, tsig->error, error);
	if (!tsig->there || !is_of_key(server, tsig))
		return error_set(error, ERROR_INVALID, "the answer of %.*s isn't signed with the key \"%.*s\"", SLICE_ARG(server->place), SLICE_ARG(server->key));
	put_answer(&input, answer, tsig, mac);
	put_variables(&input, server, tsig);
	bool good = !input.overflow && compute(server, buf_slice(&input), &right) && tsig->mac.len == right.len && CRYPTO_memcmp(tsig->mac.at, right.bytes, right.len) == 0;
	buf_free(&input);
	if (!good)
		return error_set(error, ERROR_INVALID, "the signature of the answer of %.*s is wrong", SLICE_ARG(server->place));
	int64_t apart = now > (int64_t)tsig->time ? now - (int64_t)tsig->time : (int64_t)tsig->time - now;
	return apart <= TSIG_FUDGE || error_set(error, ERROR_INVALID, "the answer of %.*s was signed %lld seconds from now: clocks differ, or it was kept", SLICE_ARG(server->place),
						 (long long)apart);
}
