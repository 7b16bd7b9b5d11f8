/* AWS Signature Version 4, as S3 has it: the path is encoded once, and the digest of the body is signed with the fields. */
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/memory.h"
#include "s3/internal.h"

static bool take_word(struct slice line, char *out, size_t most)
{
	struct slice word = slice_trim(line);
	if (word.len == 0 || word.len > most || !slice_is_printable(word) || slice_find_char(word, ' ') != SLICE_NONE)
		return false;
	memcpy(out, word.at, word.len);
	out[word.len] = '\0';
	return true;
}

bool s3_read_credentials(struct slice text, struct s3_credentials *credentials)
{
	struct slice id, secret;
	return slice_cut(slice_trim(text), '\n', &id, &secret) && take_word(id, credentials->id, S3_ID_MAX) && slice_find_char(slice_trim(id), '/') == SLICE_NONE &&
	       take_word(secret, credentials->secret, S3_SECRET_MAX);
}

void s3_stamp(int64_t seconds, char out[S3_STAMP_LEN + 1])
{
	time_t time = (time_t)seconds;
	struct tm tm;
	if (!gmtime_r(&time, &tm) || strftime(out, S3_STAMP_LEN + 1, "%Y%m%dT%H%M%SZ", &tm) != S3_STAMP_LEN)
		snprintf(out, S3_STAMP_LEN + 1, "19700101T000000Z");
}

static bool is_unreserved(char c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

void s3_encode(struct slice text, bool path, struct buf *out)
{
	for (size_t i = 0; i < text.len; i++)
		if (is_unreserved(text.at[i]) || (path && text.at[i] == '/'))
			buf_append_char(out, text.at[i]);
		else
			buf_printf(out, "%%%02X", (unsigned char)text.at[i]);
}

void s3_digest(struct slice content, unsigned char out[S3_DIGEST_SIZE])
{
	if (EVP_Digest(content.at, content.len, out, NULL, EVP_sha256(), NULL) != 1)
		memory_exhausted(content.len);
}

void s3_digest_text(const unsigned char digest[S3_DIGEST_SIZE], char out[S3_DIGEST_TEXT + 1])
{
	for (int i = 0; i < S3_DIGEST_SIZE; i++)
		snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

static void mac(const unsigned char *key, size_t key_len, struct slice text, unsigned char out[S3_DIGEST_SIZE])
{
	if (!HMAC(EVP_sha256(), key, (int)key_len, (const unsigned char *)text.at, text.len, out, NULL))
		memory_exhausted(text.len);
}

/* The key of a day, a region and a service. */
static void derive_key(const struct s3_credentials *credentials, struct slice day, const char *region, unsigned char key[S3_DIGEST_SIZE])
{
	char first[4 + S3_SECRET_MAX + 1];
	unsigned char step[S3_DIGEST_SIZE];
	int len = snprintf(first, sizeof first, "AWS4%s", credentials->secret);
	mac((const unsigned char *)first, (size_t)len, day, step);
	mac(step, sizeof step, slice_of(region), key);
	mac(key, S3_DIGEST_SIZE, SLICE("s3"), step);
	mac(step, sizeof step, SLICE("aws4_request"), key);
	memory_wipe(first, sizeof first);
	memory_wipe(step, sizeof step);
}

static void append_names(const struct s3_signed *request, struct buf *out)
{
	for (size_t i = 0; i < request->field_count; i++)
		buf_printf(out, "%s%s", i > 0 ? ";" : "", request->fields[i].name);
}

/* The digest of the request in its canonical form. */
static void digest_request(const struct s3_signed *request, char out[S3_DIGEST_TEXT + 1])
{
	enum { FIELDS_MAX = 16 * 1024 };
	struct buf text = BUF(S3_PATH_MAX + S3_QUERY_MAX + FIELDS_MAX);
	unsigned char digest[S3_DIGEST_SIZE];
	buf_printf(&text, "%s\n%.*s\n%.*s\n", request->method, SLICE_ARG(request->path), SLICE_ARG(request->query));
	for (size_t i = 0; i < request->field_count; i++)
		buf_printf(&text, "%s:%.*s\n", request->fields[i].name, SLICE_ARG(request->fields[i].value));
	buf_append_char(&text, '\n');
	append_names(request, &text);
	buf_printf(&text, "\n%s", request->payload);
	s3_digest(buf_slice(&text), digest);
	s3_digest_text(digest, out);
	buf_free(&text);
}

void s3_sign(const struct s3_credentials *credentials, const char *region, const struct s3_signed *request, struct buf *out)
{
	enum { SCOPE_MAX = 8 + 1 + S3_REGION_MAX + 32 };
	struct slice day = slice_sub(slice_of(request->stamp), 0, 8);
	char canonical[S3_DIGEST_TEXT + 1], signature[S3_DIGEST_TEXT + 1], scope[SCOPE_MAX];
	unsigned char key[S3_DIGEST_SIZE], digest[S3_DIGEST_SIZE];
	struct buf text = BUF(SCOPE_MAX + S3_DIGEST_TEXT + 64);
	digest_request(request, canonical);
	snprintf(scope, sizeof scope, "%.*s/%s/s3/aws4_request", SLICE_ARG(day), region);
	buf_printf(&text, "AWS4-HMAC-SHA256\n%s\n%s\n%s", request->stamp, scope, canonical);
	derive_key(credentials, day, region, key);
	mac(key, sizeof key, buf_slice(&text), digest);
	memory_wipe(key, sizeof key);
	s3_digest_text(digest, signature);
	buf_printf(out, "AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=", credentials->id, scope);
	append_names(request, out);
	buf_printf(out, ", Signature=%s", signature);
	buf_free(&text);
}
