/* Making signatures: the body is hashed once for all that are over the same form of it; the field is written in full before it is hashed,
 * with nothing behind "b=". */
#include <openssl/evp.h>

#include "base/base64.h"
#include "base/memory.h"
#include "dkim/body.h"
#include "dkim/fields.h"

enum { LINE_MAX_COLUMNS = 76, BODY_FORMS = 2 };

/* What is signed, as much of it as a message has; and by that nothing can be added to (RFC 6376 §5.4, §8.15): a name that is signed
 * once more than the field is there covers its absence. */
static const struct {
	const char *name;
	enum { AS_MANY_AS_THERE_ARE, ONE_MORE_IF_THERE, ONE_MORE } how;
} signed_fields[] = {
	{"From", ONE_MORE},
	{"Sender", ONE_MORE_IF_THERE},
	{"Reply-To", ONE_MORE},
	{"To", ONE_MORE},
	{"Cc", ONE_MORE},
	{"Subject", ONE_MORE},
	{"Date", ONE_MORE},
	{"Message-ID", ONE_MORE},
	{"In-Reply-To", ONE_MORE},
	{"References", ONE_MORE},
	{"MIME-Version", ONE_MORE},
	{"Content-Type", ONE_MORE},
	{"Content-Transfer-Encoding", ONE_MORE},
	{"Content-Disposition", ONE_MORE_IF_THERE},
	{"Content-Language", AS_MANY_AS_THERE_ARE},
	{"Auto-Submitted", AS_MANY_AS_THERE_ARE},
	{"Autocrypt", AS_MANY_AS_THERE_ARE},
	{"List-Id", AS_MANY_AS_THERE_ARE},
	{"List-Help", AS_MANY_AS_THERE_ARE},
	{"List-Unsubscribe", AS_MANY_AS_THERE_ARE},
	{"List-Unsubscribe-Post", AS_MANY_AS_THERE_ARE},
	{"List-Subscribe", AS_MANY_AS_THERE_ARE},
	{"List-Post", AS_MANY_AS_THERE_ARE},
	{"List-Owner", AS_MANY_AS_THERE_ARE},
	{"List-Archive", AS_MANY_AS_THERE_ARE},
};

struct dkim_sign {
	struct arena *arena;
	struct dkim_header header;
	const struct dkim_signer *signers;
	size_t count;
	struct slice names[DKIM_NAMES_MAX];
	size_t name_count;
	struct dkim_body bodies[BODY_FORMS]; /* by whether it is simple */
	bool wanted[BODY_FORMS];
	bool ended;
	struct slice fields[DKIM_SIGNATURES_MAX]; /* up to "b=" */
};

static void name_fields(struct dkim_sign *sign)
{
	for (size_t i = 0; i < sizeof signed_fields / sizeof *signed_fields; i++) {
		struct slice name = slice_of(signed_fields[i].name);
		size_t there = dkim_header_count(&sign->header, name);
		size_t times = there + (signed_fields[i].how == ONE_MORE || (signed_fields[i].how == ONE_MORE_IF_THERE && there > 0));
		for (size_t j = 0; j < times && sign->name_count < DKIM_NAMES_MAX; j++)
			sign->names[sign->name_count++] = name;
	}
}

struct dkim_sign *dkim_sign_new(struct slice header, const struct dkim_signer *signers, size_t count)
{
	struct dkim_sign *sign = memory_new(sizeof *sign);
	sign->arena = arena_new();
	sign->signers = signers;
	sign->count = count < DKIM_SIGNATURES_MAX ? count : DKIM_SIGNATURES_MAX;
	dkim_header_read(header, sign->arena, &sign->header);
	name_fields(sign);
	if (sign->header.large || dkim_header_count(&sign->header, SLICE("From")) == 0 || sign->name_count == DKIM_NAMES_MAX)
		dkim_sign_free(&sign);
	for (size_t i = 0; sign && i < sign->count; i++) {
		bool simple = signers[i].simple_body;
		if (!sign->wanted[simple])
			dkim_body_begin(&sign->bodies[simple], simple, DKIM_WHOLE_BODY);
		sign->wanted[simple] = true;
	}
	return sign;
}

void dkim_sign_body(struct dkim_sign *sign, struct slice piece)
{
	for (size_t i = 0; i < BODY_FORMS; i++)
		if (sign->wanted[i])
			dkim_body_add(&sign->bodies[i], piece);
}

/* ---- the field ---- */

/* Appends a part, on a new line if it doesn't fit on this one. A part that is longer than a line stands as it is. */
static void put_part(struct buf *out, struct slice part)
{
	size_t line = slice_find_last_char(buf_slice(out), '\n');
	size_t column = out->len - (line == SLICE_NONE ? 0 : line + 1);
	if (column + part.len > LINE_MAX_COLUMNS && column > 1)
		buf_append_text(out, "\r\n\t");
	else if (out->at[out->len - 1] == ';')
		buf_append_char(out, ' ');
	buf_append(out, part);
}

static void put_names(struct dkim_sign *sign, struct buf *out)
{
	char part[LINE_MAX_COLUMNS];
	for (size_t i = 0; i < sign->name_count; i++) {
		int len = snprintf(part, sizeof part, "%s%.*s%s", i == 0 ? "h=" : "", SLICE_ARG(sign->names[i]), i + 1 < sign->name_count ? ":" : ";");
		put_part(out, slice_make(part, (size_t)len));
	}
}

/* Base64 may be folded anywhere. */
static void put_base64(struct buf *out, struct slice bytes)
{
	struct buf text = BUF(DKIM_SIGNATURE_MAX * 2);
	base64_encode(bytes, &text);
	struct slice rest = buf_slice(&text);
	while (rest.len > 0) {
		size_t line = slice_find_last_char(buf_slice(out), '\n');
		size_t room = LINE_MAX_COLUMNS - (out->len - (line + 1));
		buf_append(out, slice_sub(rest, 0, room));
		rest = slice_skip(rest, room);
		if (rest.len > 0)
			buf_append_text(out, "\r\n\t");
	}
	buf_free(&text);
}

static struct slice write_field(struct dkim_sign *sign, const struct dkim_signer *signer)
{
	struct buf out = BUF(DKIM_FIELD_MAX);
	struct buf body_hash = BUF(DKIM_DIGEST_SIZE * 2);
	if (signer->instance > 0)
		buf_printf(&out, "ARC-Message-Signature: i=%u;", signer->instance);
	else
		buf_append_text(&out, "DKIM-Signature: v=1;");
	buf_printf(&out, " a=%s; c=%s/%s;", dkim_algorithm_name(signer->algorithm),
		signer->simple_header ? "simple" : "relaxed", signer->simple_body ? "simple" : "relaxed");
	put_part(&out, arena_printf(sign->arena, "d=%.*s;", SLICE_ARG(signer->domain)));
	put_part(&out, arena_printf(sign->arena, "s=%.*s;", SLICE_ARG(signer->selector)));
	put_part(&out, arena_printf(sign->arena, "t=%lld;", (long long)signer->made));
	if (signer->expires > 0)
		put_part(&out, arena_printf(sign->arena, "x=%lld;", (long long)signer->expires));
	put_names(sign, &out);
	base64_encode(slice_make((const char *)sign->bodies[signer->simple_body].digest, DKIM_DIGEST_SIZE), &body_hash);
	put_part(&out, arena_printf(sign->arena, "bh=%.*s;", SLICE_ARG(buf_slice(&body_hash))));
	buf_append_text(&out, "\r\n\tb=");
	struct slice field = arena_copy(sign->arena, buf_slice(&out));
	buf_free(&out);
	buf_free(&body_hash);
	return field;
}

void dkim_sign_digest(struct dkim_sign *sign, size_t index, unsigned char digest[DKIM_DIGEST_SIZE])
{
	const struct dkim_signer *signer = &sign->signers[index];
	for (size_t i = 0; !sign->ended && i < BODY_FORMS; i++)
		if (sign->wanted[i])
			dkim_body_end(&sign->bodies[i]);
	sign->ended = true;
	sign->fields[index] = write_field(sign, signer);
	struct header_field self = {.whole = arena_printf(sign->arena, "%.*s\r\n", SLICE_ARG(sign->fields[index]))};
	EVP_MD_CTX *hash = EVP_MD_CTX_new();
	EVP_DigestInit_ex(hash, EVP_sha256(), NULL);
	dkim_header_hash(&sign->header, sign->names, sign->name_count, DKIM_NO_FIELD, signer->simple_header, hash);
	dkim_field_hash(&self, (struct slice){0}, signer->simple_header, true, hash);
	EVP_DigestFinal_ex(hash, digest, NULL);
	EVP_MD_CTX_free(hash);
}

void dkim_sign_field(struct dkim_sign *sign, size_t index, struct slice signature, struct buf *out)
{
	struct buf field = BUF(DKIM_FIELD_MAX);
	buf_append(&field, sign->fields[index]);
	put_base64(&field, signature);
	buf_append_text(&field, "\r\n");
	buf_append(out, buf_slice(&field));
	buf_free(&field);
}

void dkim_sign_free(struct dkim_sign **sign)
{
	if (!*sign)
		return;
	for (size_t i = 0; i < BODY_FORMS; i++)
		dkim_body_clear(&(*sign)->bodies[i]);
	dkim_header_clear(&(*sign)->header);
	arena_free(&(*sign)->arena);
	free(*sign);
	*sign = NULL;
}
