/* Hashing a body. What may be left out is held back until it is known what follows: line ends, since empty lines at the end don't count;
 * and white space, in the relaxed form, since it doesn't count before a line end. */
#include "dkim/body.h"

#include <openssl/evp.h>

#include "base/memory.h"

void dkim_body_begin(struct dkim_body *body, bool simple, uint64_t limit)
{
	*body = (struct dkim_body){.simple = simple, .limit = limit, .hash = EVP_MD_CTX_new(), .out = memory_array(DKIM_BODY_STEP, 1)};
	EVP_DigestInit_ex(body->hash, EVP_sha256(), NULL);
}

/* ---- what goes into the hash ---- */

static void hash_bytes(struct dkim_body *body, struct slice bytes)
{
	uint64_t room = body->limit > body->seen ? body->limit - body->seen : 0;
	EVP_DigestUpdate(body->hash, bytes.at, bytes.len < room ? bytes.len : (size_t)room);
	body->seen += bytes.len;
}

static void flush(struct dkim_body *body)
{
	if (body->used > 0)
		hash_bytes(body, slice_make(body->out, body->used));
	body->used = 0;
}

static void put(struct dkim_body *body, struct slice bytes)
{
	if (bytes.len > DKIM_BODY_STEP - body->used)
		flush(body);
	if (bytes.len > DKIM_BODY_STEP) {
		hash_bytes(body, bytes);
		return;
	}
	memcpy(body->out + body->used, bytes.at, bytes.len);
	body->used += bytes.len;
}

/* Something follows: what was held back counts. */
static void release(struct dkim_body *body)
{
	for (; body->line_ends > 0; body->line_ends--)
		put(body, SLICE("\r\n"));
	if (body->blank)
		put(body, SLICE(" "));
	body->blank = false;
}

static void put_text(struct dkim_body *body, struct slice text)
{
	if (body->line_ends > 0 || body->blank)
		release(body);
	put(body, text);
}

/* ---- what comes ---- */

/* Puts what comes before the next CR, which isn't the first; returns its length. */
static size_t put_line(struct dkim_body *body, struct slice bytes)
{
	size_t len = slice_find_char(bytes, '\r');
	len = len == SLICE_NONE ? bytes.len : len;
	put_text(body, slice_sub(bytes, 0, len));
	return len;
}

/* Puts what comes before the next CR, or as much of it as there is room for, with one blank for all white space; returns how much was read. Most of
 * the time for a body passes here. */
static size_t put_words(struct dkim_body *body, struct slice bytes)
{
	for (; body->line_ends > 0; body->line_ends--)
		put(body, SLICE("\r\n"));
	if (body->used + 2 > DKIM_BODY_STEP)
		flush(body);
	size_t room = DKIM_BODY_STEP - body->used - 1, most = bytes.len < room ? bytes.len : room, read = 0; /* a blank may come before all of it */
	char *out = body->out + body->used;
	bool blank = body->blank;
	for (char c; read < most && (c = bytes.at[read]) != '\r'; read++) {
		if (c == ' ' || c == '\t') {
			blank = true;
			continue;
		}
		if (blank)
			*out++ = ' ';
		blank = false;
		*out++ = c;
	}
	body->blank = blank;
	body->used = (size_t)(out - body->out);
	return read;
}

/* The byte after a CR says what that was. */
static struct slice after_cr(struct dkim_body *body, struct slice piece)
{
	body->cr = false;
	if (piece.at[0] != '\n') {
		put_text(body, SLICE("\r"));
		return piece;
	}
	body->blank = false;
	body->line_ends++;
	return slice_skip(piece, 1);
}

void dkim_body_add(struct dkim_body *body, struct slice piece)
{
	while (piece.len > 0) {
		char c = piece.at[0];
		if (body->cr) {
			piece = after_cr(body, piece);
		} else if (c == '\r') {
			body->cr = true;
			piece = slice_make(piece.at + 1, piece.len - 1);
		} else if (!body->simple && (c == ' ' || c == '\t')) {
			body->blank = true;
			piece = slice_make(piece.at + 1, piece.len - 1);
		} else
			piece = slice_skip(piece, body->simple ? put_line(body, piece) : put_words(body, piece));
	}
}

void dkim_body_end(struct dkim_body *body)
{
	if (body->cr)
		put_text(body, SLICE("\r"));
	body->cr = false;
	flush(body);
	/* The last line has its end, whether it came or not; in the simple form an empty body is an empty line. */
	if (body->simple || body->seen > 0)
		hash_bytes(body, SLICE("\r\n"));
	EVP_DigestFinal_ex(body->hash, body->digest, NULL);
	dkim_body_clear(body);
}

void dkim_body_clear(struct dkim_body *body)
{
	EVP_MD_CTX_free(body->hash);
	free(body->out);
	body->hash = NULL;
	body->out = NULL;
}
