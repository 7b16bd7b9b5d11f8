/* Making signatures: one field for all keys, which sign the same. If the message isn't what its newest Message-Instance says, or it has none, a new one goes
 * before the signature. How a change is undone is for the caller to say: else such an instance says that header or body can't be recreated ("h" or "b" is
 * null). */
#include <openssl/evp.h>

#include "base/base64.h"
#include "base/memory.h"
#include "dkim/body.h"
#include "dkim2/content.h"
#include "dkim2/field.h"
#include "message/address.h"

enum { PIECE = 72 /* columns of base64 */ };

struct dkim2_sign {
	struct arena *arena;
	const struct dkim2_signing *signing;
	struct dkim2_fields fields;
	struct dkim2_header header;
	struct dkim_body body;
	struct slice state;     /* the new Message-Instance, or empty */
	struct buf head;        /* the signature's field up to "s=" */
};

/* ---- may it be signed? ---- */

static enum dkim2_reason check_domain(const struct dkim2_signing *signing, struct arena *arena)
{
	struct slice from = signing->envelope.from, domain = domain_to_ascii(dkim2_path_domain(from), arena);
	if (from.len > 0 && !dkim2_domain_is_within(domain, signing->domain))
		return DKIM2_DOMAIN_OTHER;
	if (signing->envelope.recipient_count == 0 || signing->envelope.recipient_count > DKIM2_RECIPIENTS_MAX)
		return DKIM2_RECIPIENTS_MANY;
	return signing->signer_count == 0 || signing->signer_count > DKIM2_VALUES_MAX ? DKIM2_FIELDS_MANY : DKIM2_VALID;
}

static enum dkim2_reason check_chain(const struct dkim2_sign *sign)
{
	const struct dkim2_signing *signing = sign->signing;
	size_t count = sign->fields.signature_count;
	if (count == DKIM2_SIGNATURES_MAX || sign->fields.state_count == DKIM2_SIGNATURES_MAX)
		return DKIM2_FIELDS_MANY;
	struct slice from = arena_printf(sign->arena, "<%.*s>", SLICE_ARG(signing->envelope.from));
	return count == 0 || dkim2_follows(&sign->fields.signatures[count - 1], from, signing->domain, sign->arena) ? DKIM2_VALID : DKIM2_CHAIN_BROKEN;
}

struct dkim2_sign *dkim2_sign_new(struct slice header, const struct dkim2_signing *signing, enum dkim2_reason *reason)
{
	struct dkim2_sign *sign = memory_new(sizeof *sign);
	sign->arena = arena_new();
	sign->signing = signing;
	dkim2_header_read(header, sign->arena, &sign->header);
	*reason = sign->header.large ? DKIM2_HEADER_LARGE : header.len == 0 ? DKIM2_HEADER_NONE : check_domain(signing, sign->arena);
	if (*reason == DKIM2_VALID)
		*reason = dkim2_fields_read(header, sign->arena, &sign->fields);
	if (*reason == DKIM2_ABSENT)
		*reason = DKIM2_VALID;
	if (*reason == DKIM2_VALID)
		*reason = check_chain(sign);
	dkim_body_begin(&sign->body, true, DKIM_WHOLE_BODY);
	if (*reason != DKIM2_VALID)
		dkim2_sign_free(&sign);
	return sign;
}

unsigned dkim2_sign_number(const struct dkim2_sign *sign)
{
	return (unsigned)sign->fields.signature_count + 1;
}

void dkim2_sign_body(struct dkim2_sign *sign, struct slice piece)
{
	dkim_body_add(&sign->body, piece);
}

/* ---- the fields ---- */

static void break_line(struct buf *out)
{
	buf_append_text(out, "\r\n\t");
}

/* Base64, broken into lines: white space in it means nothing. */
static void put_base64(struct buf *out, struct slice bytes)
{
	struct buf text = BUF(2 * bytes.len + 4);
	base64_encode(bytes, &text);
	for (size_t at = 0; at < text.len; at += PIECE) {
		if (at > 0)
			break_line(out);
		buf_append(out, slice_sub(buf_slice(&text), at, PIECE));
	}
	buf_free(&text);
}

static void put_path(struct buf *out, struct slice address, struct arena *arena)
{
	put_base64(out, arena_printf(arena, "<%.*s>", SLICE_ARG(address)));
}

/* How to have again what was; or that it can't be. */
static void put_recipe(struct buf *out, struct slice recipe, bool header, bool body)
{
	buf_append_text(out, "; r=");
	put_base64(out, recipe.len > 0 ? recipe : header && body ? SLICE("{\"h\":null,\"b\":null}") : header ? SLICE("{\"h\":null}") : SLICE("{\"b\":null}"));
}

static void write_state(struct dkim2_sign *sign, const unsigned char digest[DKIM_DIGEST_SIZE], bool header, bool body)
{
	struct buf out = BUF(DKIM2_FIELD_MAX);
	size_t before = sign->fields.state_count;
	buf_printf(&out, "Message-Instance: m=%zu; h=sha256:", before + 1);
	break_line(&out);
	put_base64(&out, slice_make((const char *)digest, DKIM_DIGEST_SIZE));
	buf_append_text(&out, ":");
	break_line(&out);
	put_base64(&out, slice_make((const char *)sign->body.digest, DKIM_DIGEST_SIZE));
	if (before > 0)
		put_recipe(&out, sign->signing->recipe, header, body);
	buf_append_text(&out, ";\r\n");
	sign->state = arena_copy(sign->arena, buf_slice(&out));
	buf_free(&out);
	sign->fields.states[sign->fields.state_count++] = (struct dkim2_state){.number = before + 1, .text = dkim2_field_text(sign->state, sign->arena)};
}

static void put_flags(struct buf *out, unsigned flags)
{
	static const struct { const char *name; unsigned bit; } known[] = {
		{"exploded", DKIM2_FLAG_EXPLODED}, {"donotexplode", DKIM2_FLAG_DONOTEXPLODE}, {"donotmodify", DKIM2_FLAG_DONOTMODIFY}, {"feedback", DKIM2_FLAG_FEEDBACK},
	};
	const char *before = "f=";
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (flags & known[i].bit) {
			buf_printf(out, "%s%s", before, known[i].name);
			before = ",";
		}
	if (flags) {
		buf_append_char(out, ';');
		break_line(out);
	}
}

static void write_head(struct dkim2_sign *sign)
{
	const struct dkim2_signing *signing = sign->signing;
	struct buf *out = &sign->head;
	*out = BUF(DKIM2_FIELD_MAX);
	buf_printf(out, "DKIM2-Signature: i=%u; m=%zu; t=%lld;", dkim2_sign_number(sign), sign->fields.state_count, (long long)signing->made);
	break_line(out);
	buf_printf(out, "d=%.*s; mf=", SLICE_ARG(signing->domain));
	break_line(out);
	put_path(out, signing->envelope.from, sign->arena);
	buf_append_text(out, "; rt=");
	for (size_t i = 0; i < signing->envelope.recipient_count; i++) {
		buf_append_text(out, i > 0 ? "," : "");
		break_line(out);
		put_path(out, signing->envelope.recipients[i], sign->arena);
	}
	buf_append_char(out, ';');
	break_line(out);
	put_flags(out, signing->flags);
}

/* `values` NULL: as it is signed, without them. */
static void write_signature(const struct dkim2_sign *sign, const struct slice *values, struct buf *out)
{
	buf_append(out, buf_slice(&sign->head));
	for (size_t i = 0; i < sign->signing->signer_count; i++) {
		const struct dkim2_signer *signer = &sign->signing->signers[i];
		buf_printf(out, "%s%.*s:%s:", i == 0 ? "s=" : ",", SLICE_ARG(signer->selector), dkim_algorithm_name(signer->algorithm));
		break_line(out);
		if (values)
			put_base64(out, values[i]);
	}
	buf_append_text(out, ";\r\n");
}

/* ---- the end ---- */

static enum dkim2_reason check_requests(const struct dkim2_sign *sign, bool modified)
{
	unsigned asked = 0;
	for (size_t i = 0; i < sign->fields.signature_count; i++)
		asked |= sign->fields.signatures[i].flags;
	if (modified && asked & DKIM2_FLAG_DONOTMODIFY)
		return DKIM2_MODIFIED;
	return sign->signing->flags & DKIM2_FLAG_EXPLODED && asked & DKIM2_FLAG_DONOTEXPLODE ? DKIM2_EXPLODED : DKIM2_VALID;
}

static bool differs(const struct dkim2_state *state, struct slice hash, const unsigned char *digest)
{
	return !state->hashed || memcmp(hash.at, digest, DKIM_DIGEST_SIZE) != 0;
}

static enum dkim2_reason conclude(struct dkim2_sign *sign)
{
	unsigned char digest[DKIM_DIGEST_SIZE];
	size_t count = sign->fields.state_count;
	const struct dkim2_state *newest = count > 0 ? &sign->fields.states[count - 1] : NULL;
	dkim_body_end(&sign->body);
	dkim2_header_hash(&sign->header, digest);
	bool header = newest && differs(newest, newest->header_hash, digest), body = newest && differs(newest, newest->body_hash, sign->body.digest);
	enum dkim2_reason reason = check_requests(sign, header || body);
	if (reason == DKIM2_VALID && (!newest || header || body))
		write_state(sign, digest, header, body);
	write_head(sign);
	return reason != DKIM2_VALID ? reason : sign->head.overflow ? DKIM2_FIELD_LARGE : DKIM2_VALID;
}

enum dkim2_reason dkim2_sign_digest(struct dkim2_sign *sign, unsigned char digest[DKIM_DIGEST_SIZE])
{
	enum dkim2_reason reason = conclude(sign);
	struct buf out = BUF(2 * DKIM2_FIELD_MAX);
	EVP_MD_CTX *hash = EVP_MD_CTX_new();
	write_signature(sign, NULL, &out);
	struct slice own = dkim2_field_text(buf_slice(&out), sign->arena);
	EVP_DigestInit_ex(hash, EVP_sha256(), NULL);
	dkim2_fields_hash(&sign->fields, sign->fields.signature_count, sign->fields.state_count, hash);
	EVP_DigestUpdate(hash, own.at, own.len);
	EVP_DigestFinal_ex(hash, digest, NULL);
	EVP_MD_CTX_free(hash);
	buf_free(&out);
	return reason;
}

void dkim2_sign_fields(struct dkim2_sign *sign, const struct slice *values, struct buf *out)
{
	write_signature(sign, values, out);
	buf_append(out, sign->state);
}

void dkim2_sign_free(struct dkim2_sign **sign)
{
	if (!*sign)
		return;
	dkim_body_clear(&(*sign)->body);
	buf_free(&(*sign)->head);
	arena_free(&(*sign)->arena);
	free(*sign);
	*sign = NULL;
}
