/* Unit tests of what needs no server: signatures, by the examples that the documentation of S3 publishes, answers, places. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"
#include "s3/internal.h"

static struct error error;

/* ---- Signatures ---- */

static const struct s3_credentials EXAMPLE = {"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"};
#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static void is_signed(const struct s3_signed *request, const char *names, const char *signature)
{
	struct buf out = BUF(1024), expected = BUF(1024);
	struct s3_signed one = *request;
	s3_stamp(1369353600, one.stamp); /* 2013-05-24 */
	assert_string_equal(one.stamp, "20130524T000000Z");
	s3_sign(&EXAMPLE, "us-east-1", &one, &out);
	buf_printf(&expected, "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, SignedHeaders=%s, Signature=%s", names, signature);
	assert_string_equal(out.at, expected.at);
	buf_free(&out);
	buf_free(&expected);
}

static void requests_are_signed_as_the_examples_are(void **state)
{
	(void)state;
	const struct s3_field host = {"host", SLICE("examplebucket.s3.amazonaws.com")}, date = {"x-amz-date", SLICE("20130524T000000Z")};
	const struct s3_field empty = {"x-amz-content-sha256", SLICE(EMPTY)};
	const struct s3_field get[] = {host, {"range", SLICE("bytes=0-9")}, empty, date};
	is_signed(&(struct s3_signed){.method = "GET", .path = SLICE("/test.txt"), .fields = get, .field_count = 4, .payload = EMPTY},
		  "host;range;x-amz-content-sha256;x-amz-date", "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
	unsigned char digest[S3_DIGEST_SIZE];
	char payload[S3_DIGEST_TEXT + 1];
	s3_digest(SLICE("Welcome to Amazon S3."), digest);
	s3_digest_text(digest, payload);
	const struct s3_field put[] = {{"date", SLICE("Fri, 24 May 2013 00:00:00 GMT")}, host, {"x-amz-content-sha256", slice_of(payload)}, date,
				       {"x-amz-storage-class", SLICE("REDUCED_REDUNDANCY")}};
	struct buf path = BUF(100);
	s3_encode(SLICE("/test$file.text"), true, &path);
	is_signed(&(struct s3_signed){.method = "PUT", .path = buf_slice(&path), .fields = put, .field_count = 5, .payload = payload},
		  "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class", "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
	buf_free(&path);
	const struct s3_field bucket[] = {host, empty, date};
	is_signed(&(struct s3_signed){.method = "GET", .path = SLICE("/"), .query = SLICE("lifecycle="), .fields = bucket, .field_count = 3, .payload = EMPTY},
		  "host;x-amz-content-sha256;x-amz-date", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
	is_signed(&(struct s3_signed){.method = "GET", .path = SLICE("/"), .query = SLICE("max-keys=2&prefix=J"), .fields = bucket, .field_count = 3, .payload = EMPTY},
		  "host;x-amz-content-sha256;x-amz-date", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

static void texts_are_encoded_as_signatures_want_it(void **state)
{
	(void)state;
	struct buf out = BUF(200);
	s3_encode(SLICE("a b/\xc3\xa9+=~-._*"), false, &out);
	assert_string_equal(out.at, "a%20b%2F%C3%A9%2B%3D~-._%2A");
	buf_clear(&out);
	s3_encode(SLICE("a b/c"), true, &out);
	assert_string_equal(out.at, "a%20b/c");
	buf_free(&out);
}

/* ---- Credentials and places ---- */

static void credentials_are_two_lines(void **state)
{
	struct s3_credentials credentials;
	(void)state;
	assert_true(s3_read_credentials(SLICE("\nID \r\n secret+/=\n\n"), &credentials));
	assert_string_equal(credentials.id, "ID");
	assert_string_equal(credentials.secret, "secret+/=");
	assert_false(s3_read_credentials(SLICE("ID"), &credentials));
	assert_false(s3_read_credentials(SLICE("ID\n"), &credentials));
	assert_false(s3_read_credentials(SLICE("I D\nsecret"), &credentials));
	assert_false(s3_read_credentials(SLICE("I/D\nsecret"), &credentials));
	assert_false(s3_read_credentials(SLICE("ID\nsecret\nmore"), &credentials));
	assert_false(s3_read_credentials(SLICE("ID\nse\xc3\xa9"), &credentials));
}

static bool opens(struct s3_place place)
{
	place.bucket = place.bucket ? place.bucket : "mail";
	place.endpoint = place.endpoint ? place.endpoint : "https://s3.example.org";
	error = (struct error){0};
	struct s3 *s3 = s3_open(&place, &error);
	bool opened = s3 != NULL;
	s3_close(&s3);
	return opened;
}

static void places_are_looked_at(void **state)
{
	char path[] = "/tmp/s3-test-XXXXXX";
	int fd = mkstemp(path);
	(void)state;
	assert_true(fd >= 0 && write(fd, "ID\nverysecret\n", 14) == 14);
	close(fd);
	assert_true(opens((struct s3_place){.credentials = path}));
	assert_true(opens((struct s3_place){.credentials = path, .endpoint = "http://127.0.0.1:9000/", .virtual_host = true}));
	assert_true(opens((struct s3_place){.credentials = path, .endpoint = "http://[::1]:9000", .region = "eu-west-1"}));
	static const char *const wrong[] = {"s3.example.org", "ftp://s3.example.org", "https://", "https:///", "https://user@host", "https://host/path", "https://host?x", "https://a b", ""};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		assert_false(opens((struct s3_place){.credentials = path, .endpoint = wrong[i]}));
		assert_int_equal(error.kind, ERROR_INVALID);
	}
	assert_false(opens((struct s3_place){.credentials = path, .bucket = "Mail"}));
	assert_false(opens((struct s3_place){.credentials = path, .bucket = "a/b"}));
	assert_false(opens((struct s3_place){.credentials = path, .bucket = "ab"}));
	assert_false(opens((struct s3_place){.credentials = path, .region = "us east"}));
	assert_false(opens((struct s3_place){.credentials = path, .part = S3_PART_MIN - 1}));
	assert_false(opens((struct s3_place){.credentials = "/nonexistent"}));
	assert_false(opens((struct s3_place){.credentials = NULL}));
	assert_int_equal(truncate(path, 5), 0);
	assert_true(opens((struct s3_place){.credentials = path}) && truncate(path, 2) == 0);
	assert_false(opens((struct s3_place){.credentials = path}));
	assert_null(strstr(error.text, "secret+"));
	unlink(path);
}

/* Nobody listens on port 1. */
static void nothing_is_waited_for_when_the_server_stops(void **state)
{
	char path[] = "/tmp/s3-test-XXXXXX";
	int fd = mkstemp(path);
	atomic_bool stop = false;
	uint64_t size;
	(void)state;
	assert_true(fd >= 0 && write(fd, "ID\nsecret\n", 10) == 10);
	close(fd);
	struct s3 *s3 = s3_open(&(struct s3_place){.endpoint = "http://127.0.0.1:1", .bucket = "mail", .credentials = path, .tries = 2, .pause_ms = 1, .stop = &stop}, &error);
	assert_non_null(s3);
	assert_false(s3_size(s3, SLICE("key"), &size, &error));
	assert_int_equal(error.kind, ERROR_TEMPORARY);
	stop = true;
	assert_false(s3_size(s3, SLICE("key"), &size, &error));
	assert_int_equal(error.kind, ERROR_INTERRUPTED);
	s3_close(&s3);
	unlink(path);
}

static void keys_are_looked_at(void **state)
{
	(void)state;
	char longest[S3_KEY_MAX + 1];
	memset(longest, 'a', sizeof longest);
	assert_true(s3_is_key(slice_make(longest, S3_KEY_MAX), &error));
	assert_false(s3_is_key(slice_make(longest, S3_KEY_MAX + 1), &error));
	assert_true(s3_is_key(SLICE("a/../b \xc3\xa9"), &error));
	assert_false(s3_is_key(SLICE(""), &error));
	assert_false(s3_is_key(SLICE("a\nb"), &error));
	assert_false(s3_is_key(SLICE("\xff"), &error));
}

/* ---- Answers ---- */

static void lists_are_read(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	struct s3_page page;
	assert_true(s3_read_objects(SLICE("<?xml version='1.0'?><ListBucketResult xmlns='x'><IsTruncated>true</IsTruncated><NextContinuationToken>t&amp;</NextContinuationToken>"
					  "<Contents><Key>a&lt;b</Key><Size>12</Size><Owner><ID>x</ID><Key>no</Key></Owner></Contents><Contents><Key>c</Key><Size>0</Size></Contents>"
					  "<CommonPrefixes><Prefix>p</Prefix></CommonPrefixes></ListBucketResult>"), arena, &page, &error));
	assert_int_equal(page.count, 2);
	assert_true(page.more && slice_equal(page.next, SLICE("t&")));
	assert_true(slice_equal(page.at[0].key, SLICE("a<b")) && page.at[0].size == 12 && slice_equal(page.at[1].key, SLICE("c")));
	assert_true(s3_read_objects(SLICE("<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"), arena, &page, &error));
	assert_true(page.count == 0 && !page.more);
	assert_true(s3_read_uploads(SLICE("<ListMultipartUploadsResult><Upload><Key>k</Key><UploadId>u</UploadId><Initiated>2026-11-30T20:48:33.000Z</Initiated></Upload></ListMultipartUploadsResult>"),
				    arena, &page, &error));
	assert_true(page.count == 1 && page.at[0].since == 1796071713 && slice_equal(page.at[0].upload, SLICE("u")));
	arena_free(&arena);
}

static void lists_that_are_none_are_refused(void **state)
{
	(void)state;
	static const char *const wrong[] = {
		"", "<html></html>", "<ListBucketResult>", "<ListBucketResult><Contents></Contents></ListBucketResult>",
		"<ListBucketResult><Contents><Key>a</Key><Size>-1</Size></Contents></ListBucketResult>",
		"<ListBucketResult><Contents><Key>a</Key><Size>99999999999999999999</Size></Contents></ListBucketResult>",
		"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
		"<ListBucketResult><Contents><Key>a</Key></ListBucketResult>",
		"<!DOCTYPE x><ListBucketResult></ListBucketResult>",
	};
	struct arena *arena = arena_new();
	struct buf text = BUF(200000);
	struct s3_page page;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_false(s3_read_objects(slice_of(wrong[i]), arena, &page, &error));
	buf_append_text(&text, "<ListBucketResult>");
	for (int i = 0; i <= S3_PAGE_MAX; i++)
		buf_printf(&text, "<Contents><Key>%d</Key></Contents>", i);
	buf_append_text(&text, "</ListBucketResult>");
	assert_false(s3_read_objects(buf_slice(&text), arena, &page, &error));
	buf_clear(&text);
	buf_printf(&text, "<ListBucketResult><Contents><Key>%0*d</Key></Contents></ListBucketResult>", S3_KEY_MAX + 1, 1);
	assert_false(s3_read_objects(buf_slice(&text), arena, &page, &error));
	assert_false(s3_read_uploads(SLICE("<ListMultipartUploadsResult><Upload><Key>k</Key></Upload></ListMultipartUploadsResult>"), arena, &page, &error));
	struct slice upload;
	assert_false(s3_read_upload(SLICE("<InitiateMultipartUploadResult></InitiateMultipartUploadResult>"), arena, &upload, &error));
	buf_free(&text);
	arena_free(&arena);
}

static enum error_kind kind_of(int status, const char *code)
{
	struct s3_fault fault = {0};
	snprintf(fault.code, sizeof fault.code, "%s", code);
	return s3_kind(status, &fault);
}

static void faults_have_a_kind(void **state)
{
	(void)state;
	struct s3_fault fault;
	assert_true(s3_read_fault(SLICE("<Error><Code>NoSuchKey</Code><Message>It's\nnot there</Message></Error>"), &fault));
	assert_string_equal(fault.code, "NoSuchKey");
	assert_string_equal(fault.words, "It's?not there");
	assert_true(s3_read_fault(SLICE("<DeleteResult><Deleted><Key>a</Key></Deleted><Error><Key>b</Key><Code>AccessDenied</Code></Error></DeleteResult>"), &fault));
	assert_string_equal(fault.code, "AccessDenied");
	assert_false(s3_read_fault(SLICE("<DeleteResult></DeleteResult>"), &fault));
	assert_false(s3_read_fault(SLICE("not XML"), &fault));
	assert_int_equal(kind_of(404, "NoSuchKey"), ERROR_NOT_FOUND);
	assert_int_equal(kind_of(404, ""), ERROR_NOT_FOUND); /* HEAD */
	assert_int_equal(kind_of(404, "NoSuchBucket"), ERROR_INVALID);
	assert_int_equal(kind_of(403, "AccessDenied"), ERROR_DENIED);
	assert_int_equal(kind_of(403, "QuotaExceeded"), ERROR_FULL);
	assert_int_equal(kind_of(507, ""), ERROR_FULL);
	assert_int_equal(kind_of(503, "SlowDown"), ERROR_TEMPORARY);
	assert_int_equal(kind_of(500, ""), ERROR_TEMPORARY);
	assert_int_equal(kind_of(501, "NotImplemented"), ERROR_INVALID);
	assert_int_equal(kind_of(429, ""), ERROR_TEMPORARY);
	assert_int_equal(kind_of(400, "BadDigest"), ERROR_TEMPORARY);
	assert_int_equal(kind_of(200, "InternalError"), ERROR_TEMPORARY);
	assert_int_equal(kind_of(200, "AccessDenied"), ERROR_DENIED);
	assert_int_equal(kind_of(301, "PermanentRedirect"), ERROR_INVALID);
	assert_int_equal(kind_of(416, "InvalidRange"), ERROR_INVALID);
}

static void fields_are_read(void **state)
{
	(void)state;
	uint64_t from, to;
	assert_int_equal(s3_read_retry(SLICE("120"), 0), 120);
	assert_int_equal(s3_read_retry(SLICE("Sun, 06 Nov 1994 08:49:37 GMT"), 784111770), 7);
	assert_int_equal(s3_read_retry(SLICE("Sun, 06 Nov 1994 08:49:37 GMT"), 784111780), 0);
	assert_int_equal(s3_read_retry(SLICE("soon"), 0), -1);
	assert_int_equal(s3_read_retry(SLICE("-1"), 0), -1);
	assert_true(s3_read_range(SLICE("bytes 3-9/10"), &from, &to) && from == 3 && to == 9);
	assert_true(s3_read_range(SLICE("bytes 3-9/*"), &from, &to));
	assert_false(s3_read_range(SLICE("bytes */10"), &from, &to));
	assert_false(s3_read_range(SLICE("bytes 9-3/10"), &from, &to));
	assert_false(s3_read_range(SLICE("items 3-9/10"), &from, &to));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_signed_as_the_examples_are),
		cmocka_unit_test(texts_are_encoded_as_signatures_want_it),
		cmocka_unit_test(credentials_are_two_lines),
		cmocka_unit_test(places_are_looked_at),
		cmocka_unit_test(nothing_is_waited_for_when_the_server_stops),
		cmocka_unit_test(keys_are_looked_at),
		cmocka_unit_test(lists_are_read),
		cmocka_unit_test(lists_that_are_none_are_refused),
		cmocka_unit_test(faults_have_a_kind),
		cmocka_unit_test(fields_are_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
