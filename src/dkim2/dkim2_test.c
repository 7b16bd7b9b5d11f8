/* Unit tests of chains of signatures: what we sign verifies, over one server and several; whatever is changed of message, envelope or fields is found and
 * named; changes that are written down are undone; nothing is without bounds. */
#include "message/fixture.h"

#include <stdlib.h>

#include "dkim2/recipe.h"
#include "message/header.h"

static const int64_t now = 1800000000;

#define RECORD "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
#define PEM "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n"
#define HEADER "From: Ann <ann@one.example>\r\nTo: list@two.example\r\nSubject: Dinner\r\nDate: Fri, 11 Jul 2003 21:00:37 -0700\r\n"
#define LETTER HEADER "\r\nHi.\r\n\r\nAre you hungry?\r\n"

enum { WHOLE_MAX = 4 * 1024 * 1024 };

/* ---- means ---- */

static void publish(struct lookup *table, const char *name, const char *record)
{
	struct lookup_record records[] = {{.data = slice_of(record)}};
	struct lookup_answer answer = {.status = LOOKUP_FOUND, .records = records, .count = 1};
	lookup_put(table, LOOKUP_TXT, slice_of(name), &answer);
}

static struct lookup *zone(void)
{
	struct lookup *table = lookup_new();
	publish(table, "e._domainkey.one.example", RECORD);
	publish(table, "e._domainkey.two.example", RECORD);
	publish(table, "e._domainkey.three.example", RECORD);
	return table;
}

static const struct dkim2_signer signers[] = {{{"e", 1}, DKIM_ED25519_SHA256}};

/* A hop: "from" and recipients with commas between them. */
struct hop {
	const char *domain, *from, *to;
	unsigned flags;
	int64_t made; /* seconds from now */
	const char *recipe;
};
static const struct hop first = {"one.example", "ann@one.example", "list@two.example", 0, 0, NULL};
static const struct hop second = {"two.example", "bounce@two.example", "bob@three.example,eve@three.example", 0, 0, NULL};

static struct dkim2_envelope envelope_of(const char *from, const char *to, struct arena *arena)
{
	struct slice rest = slice_of(to), *list = arena_array(arena, DKIM2_RECIPIENTS_MAX + 1, sizeof *list);
	struct dkim2_envelope envelope = {.from = slice_of(from), .recipients = list};
	while (rest.len > 0)
		slice_cut(rest, ',', &list[envelope.recipient_count++], &rest);
	return envelope;
}

static struct slice sign_value(const unsigned char digest[DKIM_DIGEST_SIZE], struct arena *arena)
{
	enum dkim_algorithm algorithm;
	struct error error;
	struct buf value = BUF(DKIM_SIGNATURE_MAX);
	EVP_PKEY *key = dkim_key_read(SLICE(PEM), &algorithm, &error);
	assert_true(key && dkim_key_sign(key, digest, &value, &error));
	struct slice copy = arena_copy(arena, buf_slice(&value));
	buf_free(&value);
	dkim_key_free(&key);
	return copy;
}

/* The message with the fields of one more hop. *reason: why it can't be had, then empty. */
static struct slice try_sign(struct slice message, const struct hop *hop, enum dkim2_reason *reason, struct arena *arena)
{
	size_t length = header_length(message);
	unsigned char digest[DKIM_DIGEST_SIZE];
	struct buf out = BUF(WHOLE_MAX);
	struct dkim2_signing signing = {.domain = slice_of(hop->domain), .envelope = envelope_of(hop->from, hop->to, arena), .flags = hop->flags,
		.made = now + hop->made, .recipe = slice_of(hop->recipe), .signers = signers, .signer_count = 1};
	struct dkim2_sign *sign = dkim2_sign_new(slice_sub(message, 0, length), &signing, reason);
	if (!sign)
		return (struct slice){0};
	dkim2_sign_body(sign, slice_skip(message, length));
	*reason = dkim2_sign_digest(sign, digest);
	struct slice value = sign_value(digest, arena), whole = {0};
	if (*reason == DKIM2_VALID) {
		dkim2_sign_fields(sign, &value, &out);
		buf_append(&out, message);
		whole = arena_copy(arena, buf_slice(&out));
	}
	dkim2_sign_free(&sign);
	buf_free(&out);
	return whole;
}

static struct slice sign(struct slice message, const struct hop *hop, struct arena *arena)
{
	enum dkim2_reason reason;
	struct slice whole = try_sign(message, hop, &reason, arena);
	if (whole.len == 0)
		fail_msg("not signed: %s", dkim2_reason_text(reason));
	return whole;
}

/* Verifies; the body in pieces of `step` bytes. `said`: what is said; room for 300 bytes. */
static enum dkim2_reason verify_in_steps(struct slice message, const struct dkim2_envelope *envelope, struct lookup *table, size_t step, char *said)
{
	size_t length = header_length(message);
	struct dkim2_verify *verify = dkim2_verify_new(slice_sub(message, 0, length), envelope, now);
	dkim2_verify_ask(verify, table);
	for (size_t at = length; at < message.len; at += step)
		dkim2_verify_body(verify, slice_sub(message, at, step));
	const struct dkim2_verdict *verdict = dkim2_verify_end(verify, table);
	enum dkim2_reason reason = verdict->reason;
	assert_int_equal(verdict->result, dkim2_reason_result(reason));
	snprintf(said, 300, "%.*s", SLICE_ARG(verdict->why));
	dkim2_verify_free(&verify);
	return reason;
}

static void must_be(struct slice message, const char *from, const char *to, enum dkim2_reason expected, const char *what, struct arena *arena)
{
	char said[300];
	struct lookup *table = zone();
	struct dkim2_envelope envelope = envelope_of(from, to, arena);
	enum dkim2_reason found = verify_in_steps(message, &envelope, table, SIZE_MAX / 2, said);
	if (found != expected)
		fail_msg("%s: %s, not %s", what, said, dkim2_reason_text(expected));
	assert_int_equal(verify_in_steps(message, &envelope, table, 3, said), expected);
	lookup_free(&table);
}

static struct slice replaced(struct slice text, const char *old, const char *new, struct arena *arena)
{
	size_t at = slice_find(text, slice_of(old));
	if (at == SLICE_NONE)
		fail_msg("there is no \"%s\"", old);
	return arena_printf(arena, "%.*s%s%.*s", (int)at, text.at, new, SLICE_ARG(slice_skip(text, at + strlen(old))));
}

/* ---- one hop ---- */

static void what_is_signed_verifies(void **state)
{
	struct slice whole = sign(SLICE(LETTER), &first, *state);
	must_be(whole, "ann@one.example", "list@two.example", DKIM2_VALID, "as it was sent", *state);
	must_be(whole, "ann@ONE.example", "list@Two.Example", DKIM2_VALID, "domains are of any case", *state);
	must_be(sign(SLICE(HEADER "\r\n"), &first, *state), first.from, first.to, DKIM2_VALID, "no body", *state);
	must_be(sign(SLICE(LETTER "\r\n\r\n"), &first, *state), first.from, first.to, DKIM2_VALID, "empty lines at its end", *state);
	must_be(SLICE(LETTER), first.from, first.to, DKIM2_ABSENT, "unsigned", *state);
	must_be(SLICE(""), first.from, first.to, DKIM2_ABSENT, "nothing", *state);
	struct hop null = {"one.example", "", "list@two.example", DKIM2_FLAG_EXPLODED | DKIM2_FLAG_FEEDBACK, -3600, NULL};
	must_be(sign(SLICE(LETTER), &null, *state), "", "list@two.example", DKIM2_VALID, "without a sender", *state);
	struct hop below = {"one.example", "b=1@bounces.One.example", "\"a@b\"@two.example", 0, 0, NULL};
	must_be(sign(SLICE(LETTER), &below, *state), "b=1@bounces.One.example", "\"a@b\"@two.example", DKIM2_VALID, "a domain below", *state);
}

static void every_key_signs_and_every_key_must_be_right(void **state)
{
	static const struct dkim2_signer both[] = {{{"r", 1}, DKIM_RSA_SHA256}, {{"e", 1}, DKIM_ED25519_SHA256}};
	struct buf pem = BUF_SECRET(DKIM_PEM_MAX), record = BUF(DKIM_RECORD_MAX), rsa = BUF(DKIM_SIGNATURE_MAX), out = BUF(WHOLE_MAX);
	struct error error;
	enum dkim_algorithm algorithm;
	enum dkim2_reason reason;
	unsigned char digest[DKIM_DIGEST_SIZE];
	char said[300];
	assert_true(dkim_key_make(DKIM_RSA_SHA256, &pem, &error));
	EVP_PKEY *key = dkim_key_read(buf_slice(&pem), &algorithm, &error);
	assert_true(dkim_key_record(key, &record, &error));
	struct dkim2_envelope envelope = envelope_of(first.from, first.to, *state);
	struct dkim2_signing signing = {.domain = SLICE("one.example"), .envelope = envelope, .made = now, .signers = both, .signer_count = 2};
	struct dkim2_sign *signing_it = dkim2_sign_new(SLICE(HEADER "\r\n"), &signing, &reason);
	assert_int_equal(dkim2_sign_digest(signing_it, digest), DKIM2_VALID);
	assert_true(dkim_key_sign(key, digest, &rsa, &error));
	struct slice values[] = {buf_slice(&rsa), sign_value(digest, *state)};
	dkim2_sign_fields(signing_it, values, &out);
	dkim2_sign_free(&signing_it);
	buf_append_text(&out, HEADER "\r\n");
	struct lookup *table = zone();
	publish(table, "r._domainkey.one.example", record.at);
	assert_int_equal(verify_in_steps(buf_slice(&out), &envelope, table, 100, said), DKIM2_VALID);
	lookup_free(&table);
	table = lookup_new();
	publish(table, "r._domainkey.one.example", record.at);
	publish(table, "e._domainkey.one.example", "k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURA=");
	assert_int_equal(verify_in_steps(buf_slice(&out), &envelope, table, 100, said), DKIM2_SIGNATURE_WRONG);
	assert_string_equal(said, "DKIM2-Signature i=1 public key e._domainkey.one.example incorrect signature");
	lookup_free(&table);
	dkim_key_free(&key);
	buf_free(&pem), buf_free(&record), buf_free(&rsa), buf_free(&out);
}

static void what_changes_is_found(void **state)
{
	static const struct { const char *old, *new; enum dkim2_reason reason; } cases[] = {
		{"From: Ann", "From: Eve", DKIM2_HEADER_CHANGED},
		{"Subject: Dinner", "Subject: Lunch", DKIM2_HEADER_CHANGED},
		{"Subject: Dinner\r\n", "", DKIM2_HEADER_CHANGED},
		{"Subject: Dinner\r\n", "Subject: Dinner\r\nSubject: Lunch\r\n", DKIM2_HEADER_CHANGED},
		{"Date:", "Bcc: eve@evil.test\r\nDate:", DKIM2_HEADER_CHANGED},
		{"hungry?", "hungry!", DKIM2_BODY_CHANGED},
		{"hungry?\r\n", "hungry?\r\nNo.\r\n", DKIM2_BODY_CHANGED},
		{"Hi.\r\n\r\n", "Hi.\r\n", DKIM2_BODY_CHANGED},
		{"m=1; t=1800000000", "m=1; t=1800000001", DKIM2_SIGNATURE_WRONG},
		{"d=one.example", "d=two.example", DKIM2_DOMAIN_OTHER},
		{"Subject: Dinner\r\nDate:", "SUBJECT :  Dinner \r\n\t\r\nDate :", DKIM2_VALID},
		{"Subject: Dinner", "subject:\r\n Dinner", DKIM2_VALID},
		{"Date:", "X-Spam: yes\r\nReceived: by x\r\nReturn-Path: <>\r\nARC-Seal: x\r\nDKIM-Signature: x\r\nAuthentication-Results: x\r\nDate:", DKIM2_VALID},
		{"To: list@two.example\r\nSubject: Dinner\r\n", "Subject: Dinner\r\nTo: list@two.example\r\n", DKIM2_VALID}, /* the order means nothing … */
	};
	struct slice whole = sign(SLICE(LETTER), &first, *state);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		must_be(replaced(whole, cases[i].old, cases[i].new, *state), first.from, first.to, cases[i].reason, cases[i].new, *state);
	struct slice twice = sign(SLICE("Comments: a\r\nComments: b\r\n" LETTER), &first, *state); /* … but among those of one name */
	must_be(replaced(twice, "Comments: a\r\nComments: b", "Comments: b\r\nComments: a", *state), first.from, first.to, DKIM2_HEADER_CHANGED, "the order of two", *state);
}

static void whom_it_goes_to_is_part_of_it(void **state)
{
	static const struct { const char *from, *to; enum dkim2_reason reason; const char *said; } cases[] = {
		{"ann@one.example", "eve@evil.test", DKIM2_RECIPIENT_OTHER, "RCPT TO <eve@evil.test> did not match"},
		{"ann@one.example", "list@two.example,eve@evil.test", DKIM2_RECIPIENT_OTHER, "RCPT TO <eve@evil.test> did not match"},
		{"ann@one.example", "List@two.example", DKIM2_RECIPIENT_OTHER, "RCPT TO <List@two.example> did not match"},
		{"eve@one.example", "list@two.example", DKIM2_SENDER_OTHER, "MAIL FROM <eve@one.example> did not match"},
		{"", "list@two.example", DKIM2_SENDER_OTHER, "MAIL FROM <> did not match"},
	};
	struct slice whole = sign(SLICE(LETTER), &first, *state);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct dkim2_envelope envelope = envelope_of(cases[i].from, cases[i].to, *state);
		struct lookup *table = zone();
		char said[300];
		assert_int_equal(verify_in_steps(whole, &envelope, table, 100, said), cases[i].reason);
		assert_string_equal(said, cases[i].said);
		assert_int_equal(verify_in_steps(whole, NULL, table, 100, said), DKIM2_VALID); /* nobody knows how it came */
		lookup_free(&table);
	}
	must_be(sign(SLICE(LETTER), &second, *state), second.from, "eve@three.example", DKIM2_VALID, "one of several", *state);
}

static void fields_are_read_by_the_letter(void **state)
{
	static const struct { const char *old, *new; enum dkim2_reason reason; const char *said; } cases[] = {
		{"DKIM2-Signature: i=1;", "DKIM2-Signature: i = 1\r\n ;", DKIM2_VALID, "the chain is valid"},
		{"DKIM2-Signature: i=1;", "DKIM2-Signature: I=1;", DKIM2_SIGNATURE_WRONG, NULL}, /* read, though not what was signed */
		{"DKIM2-Signature: i=1;", "DKIM2-Signature: i=2;", DKIM2_MISSING, "DKIM2-Signature i=1 missing"},
		{"DKIM2-Signature: i=1;", "DKIM2-Signature: i=0;", DKIM2_SYNTAX, "DKIM2-Signature i=? syntax error: tag=i"},
		{"DKIM2-Signature: i=1;", "DKIM2-Signature: i=1 2;", DKIM2_SYNTAX, "DKIM2-Signature i=? syntax error: tag=i"},
		{"DKIM2-Signature: i=1;", "DKIM2-Signature: i=-1;", DKIM2_SYNTAX, "DKIM2-Signature i=? syntax error: tag=i"},
		{"DKIM2-Signature: i=1;", "DKIM2-Signature: i=99999999999999999999;", DKIM2_SYNTAX, "DKIM2-Signature i=? syntax error: tag=i"},
		{"DKIM2-Signature: i=1;", "DKIM2-Signature: i=21;", DKIM2_FIELDS_MANY, "there are more fields than are looked at"},
		{"DKIM2-Signature: i=1;", "DKIM2-Signature: i=1; i=1;", DKIM2_SYNTAX, "DKIM2-Signature i=1 syntax error"},
		{"DKIM2-Signature: i=1;", "DKIM2-Signature: i=1; I=1;", DKIM2_SYNTAX, "DKIM2-Signature i=1 syntax error"},
		{"DKIM2-Signature: i=1;", "DKIM2-Signature: i=1; ;", DKIM2_SYNTAX, "DKIM2-Signature i=1 syntax error"},
		{"DKIM2-Signature: i=1;", "DKIM2-Signature: i=1; new=thing;", DKIM2_SIGNATURE_WRONG, NULL},
		{"DKIM2-Signature: i=1;", "DKIM2-Signature: i=1; n=1234567890123456789012345678901234567890123456789012345678901234;", DKIM2_SIGNATURE_WRONG, NULL},
		{"DKIM2-Signature: i=1;", "DKIM2-Signature: i=1; n=12345678901234567890123456789012345678901234567890123456789012345;", DKIM2_SYNTAX, "DKIM2-Signature i=1 syntax error: tag=n"},
		{"DKIM2-Signature: i=1;", "DKIM2-Signature: i=1; f=what, donotmodify ,;", DKIM2_SIGNATURE_WRONG, NULL},
		{"; m=1; t=", "; t=", DKIM2_TAG_MISSING, "DKIM2-Signature i=1 tag=m missing"},
		{"; m=1; t=", "; m=2; t=", DKIM2_MISSING, "Message-Instance m=2 missing"},
		{"t=1800000000;", "", DKIM2_TAG_MISSING, "DKIM2-Signature i=1 tag=t missing"},
		{"t=1800000000;", "t=18000000001800000000;", DKIM2_SYNTAX, "DKIM2-Signature i=1 syntax error: tag=t"},
		{"d=one.example;", "", DKIM2_TAG_MISSING, "DKIM2-Signature i=1 tag=d missing"},
		{"d=one.example;", "d=one.exa mple;", DKIM2_SYNTAX, "DKIM2-Signature i=1 syntax error: tag=d"},
		{"d=one.example;", "d=example;", DKIM2_SYNTAX, "DKIM2-Signature i=1 syntax error: tag=d"},
		{"s=e:ed25519-sha256:", "x=e:ed25519-sha256:", DKIM2_TAG_MISSING, "DKIM2-Signature i=1 tag=s missing"},
		{"s=e:ed25519-sha256:", "s=e:ed448-sha256:", DKIM2_ALGORITHM_UNKNOWN, "DKIM2-Signature i=1 has no value of a known algorithm"},
		{"s=e:ed25519-sha256:", "s=e/f:ed25519-sha256:", DKIM2_SYNTAX, "DKIM2-Signature i=1 syntax error: tag=s"},
		{"s=e:ed25519-sha256:", "s=e:ed25519-sha256", DKIM2_SYNTAX, "DKIM2-Signature i=1 syntax error: tag=s"},
		{"s=e:ed25519-sha256:", "s=e:rsa-sha256:A,e:rsa-sha256:", DKIM2_SYNTAX, "DKIM2-Signature i=1 syntax error: tag=s"},
		{"s=e:ed25519-sha256:", "s=a:x:AAAA,b:x:AAAA,c:x:AAAA,d:x:AAAA,e:ed25519-sha256:", DKIM2_FIELDS_MANY, "there are more fields than are looked at: tag=s"},
		{"s=e:ed25519-sha256:", "s=n:ed25519-sha256:", DKIM2_KEY_TEMPORARY, "DKIM2-Signature i=1 public key n._domainkey.one.example could not be fetched"},
		{"rt=\r\n\tP", "rt=\r\n\tQ", DKIM2_SYNTAX, "DKIM2-Signature i=1 syntax error: tag=rt"},
		{"rt=\r\n\t", "rt=,", DKIM2_SYNTAX, "DKIM2-Signature i=1 syntax error: tag=rt"},
		{"rt=\r\n\t", "rt=PD4=\xff", DKIM2_SYNTAX, "DKIM2-Signature i=1 syntax error: tag=rt"},
		{"mf=\r\n\tP", "mf=\r\n\tQ", DKIM2_SYNTAX, "DKIM2-Signature i=1 syntax error: tag=mf"},
		{"Message-Instance: m=1;", "Message-Instance: m=2;", DKIM2_MISSING, "Message-Instance m=1 missing"},
		{"Message-Instance: m=1;", "Message-Instance: ", DKIM2_TAG_MISSING, "Message-Instance m=? tag=m missing"},
		{"Message-Instance: m=1;", "Message-Instance: m=1; r=;", DKIM2_SYNTAX, "Message-Instance m=1 syntax error: tag=r"},
		{"Message-Instance: m=1;", "Message-Instance: m=1; r=e30=;", DKIM2_SYNTAX, "Message-Instance m=1 syntax error"}, /* {} */
		{"h=sha256:", "h=sha512:", DKIM2_SIGNATURE_WRONG, NULL},
		{"h=sha256:", "h=sha256:AAAA:AAAA,sha256:", DKIM2_SYNTAX, "Message-Instance m=1 syntax error: tag=h"},
		{"h=sha256:", "h=sha256", DKIM2_SYNTAX, "Message-Instance m=1 syntax error: tag=h"},
		{"h=sha256:", "h=sha256:AA", DKIM2_SYNTAX, "Message-Instance m=1 syntax error: tag=h"},
		{"From: Ann", "Message-Instance: m=2; h=x:AAAA:AAAA;\r\nFrom: Ann", DKIM2_UNSIGNED, "Message-Instance m=2 is not signed"},
	};
	struct slice whole = sign(SLICE(LETTER), &first, *state);
	struct dkim2_envelope envelope = envelope_of(first.from, first.to, *state);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct lookup *table = zone();
		char said[300];
		enum dkim2_reason found = verify_in_steps(replaced(whole, cases[i].old, cases[i].new, *state), &envelope, table, 100, said);
		if (found != cases[i].reason || (cases[i].said && strcmp(said, cases[i].said) != 0))
			fail_msg("%s: %s", cases[i].new, said);
		lookup_free(&table);
	}
}

static void both_fields_are_there_once_for_each_number(void **state)
{
	struct slice whole = sign(SLICE(LETTER), &first, *state);
	size_t at = slice_find(whole, SLICE("Message-Instance")), end = slice_find(whole, SLICE("From: Ann"));
	struct slice signature = slice_sub(whole, 0, at), instance = slice_sub(whole, at, end - at), rest = slice_skip(whole, end);
	must_be(arena_printf(*state, "%.*s%.*s", SLICE_ARG(signature), SLICE_ARG(whole)), first.from, first.to, DKIM2_TWICE, "a signature twice", *state);
	must_be(arena_printf(*state, "%.*s%.*s", SLICE_ARG(instance), SLICE_ARG(whole)), first.from, first.to, DKIM2_TWICE, "an instance twice", *state);
	must_be(arena_printf(*state, "%.*s%.*s", SLICE_ARG(instance), SLICE_ARG(rest)), first.from, first.to, DKIM2_UNSIGNED, "no signature", *state);
	must_be(arena_printf(*state, "%.*s%.*s", SLICE_ARG(signature), SLICE_ARG(rest)), first.from, first.to, DKIM2_MISSING, "no instance", *state);
	must_be(arena_printf(*state, "%.*s%.*s%.*s", SLICE_ARG(instance), SLICE_ARG(signature), SLICE_ARG(rest)), first.from, first.to, DKIM2_VALID, "the other way round", *state);
}

static void signatures_are_for_two_weeks(void **state)
{
	static const struct { int64_t made; enum dkim2_reason reason; } cases[] = {
		{-DKIM2_VALID_SECONDS, DKIM2_VALID}, {-DKIM2_VALID_SECONDS - 1, DKIM2_EXPIRED}, {86400, DKIM2_VALID}, {86401, DKIM2_AHEAD}, {900000000000, DKIM2_AHEAD},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct hop hop = first;
		hop.made = cases[i].made;
		must_be(sign(SLICE(LETTER), &hop, *state), first.from, first.to, cases[i].reason, "made", *state);
	}
}

static void keys_are_judged(void **state)
{
	static const struct { const char *record; enum dkim2_reason reason; } cases[] = {
		{RECORD, DKIM2_VALID},
		{RECORD "; h=sha1", DKIM2_VALID}, /* that tag is no more */
		{"k=ed25519; p=", DKIM2_KEY_REVOKED},
		{"k=ed25519", DKIM2_KEY_SYNTAX},
		{"k=ed25519; p=AAAA", DKIM2_KEY_SYNTAX},
		{"p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", DKIM2_KEY_OTHER},
		{RECORD "; s=web", DKIM2_KEY_UNFIT},
		{"k=ed25519; p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", DKIM2_SIGNATURE_WRONG},
	};
	struct slice whole = sign(SLICE(LETTER), &first, *state);
	char said[300];
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct lookup *table = lookup_new();
		publish(table, "e._domainkey.one.example", cases[i].record);
		if (verify_in_steps(whole, NULL, table, 100, said) != cases[i].reason)
			fail_msg("%s: %s", cases[i].record, said);
		lookup_free(&table);
	}
	struct lookup_record records[] = {{.data = SLICE(RECORD)}, {.data = SLICE("v=spf1 -all")}};
	struct lookup_answer several = {.status = LOOKUP_FOUND, .records = records, .count = 2}, none = {.status = LOOKUP_NO_NAME}, failed = {.status = LOOKUP_FAILED};
	const struct { struct lookup_answer *answer; enum dkim2_reason reason; } answers[] = {{&several, DKIM2_KEY_MULTIPLE}, {&none, DKIM2_KEY_NONE}, {&failed, DKIM2_KEY_TEMPORARY}};
	for (size_t i = 0; i < 3; i++) {
		struct lookup *table = lookup_new();
		lookup_put(table, LOOKUP_TXT, SLICE("e._domainkey.one.example"), answers[i].answer);
		assert_int_equal(verify_in_steps(whole, NULL, table, 100, said), answers[i].reason);
		if (i == 2) /* what won't pass by itself is said first */
			assert_int_equal(verify_in_steps(replaced(whole, "Hi.", "Ho.", *state), NULL, table, 100, said), DKIM2_BODY_CHANGED);
		lookup_free(&table);
	}
}

/* ---- several hops ---- */

static void a_chain_goes_from_hand_to_hand(void **state)
{
	struct slice one = sign(SLICE(LETTER), &first, *state), two = sign(one, &second, *state);
	assert_true(slice_find(two, SLICE("Message-Instance: m=2")) == SLICE_NONE);
	must_be(two, second.from, "bob@three.example", DKIM2_VALID, "passed on", *state);
	must_be(two, first.from, first.to, DKIM2_SENDER_OTHER, "played back", *state);
	must_be(one, second.from, "bob@three.example", DKIM2_SENDER_OTHER, "passed on, unsigned", *state);
	must_be(replaced(two, "Hi.", "Ho.", *state), second.from, "bob@three.example", DKIM2_BODY_CHANGED, "changed", *state);
	must_be(replaced(two, "i=1; m=1; t=1800000000", "i=1; m=1; t=1800000001", *state), second.from, "bob@three.example", DKIM2_SIGNATURE_WRONG, "the older signature", *state);
	static const struct { struct hop hop; enum dkim2_reason reason; } cases[] = {
		{{"three.example", "x@three.example", "bob@three.example", 0, 0, NULL}, DKIM2_CHAIN_BROKEN}, /* it was never sent to three.example */
		{{"two.example", "x@srs.two.example", "bob@three.example", 0, 0, NULL}, DKIM2_VALID},
		{{"two.example", "", "bob@three.example", 0, 0, NULL}, DKIM2_VALID},
		{{"three.example", "", "bob@three.example", 0, 0, NULL}, DKIM2_CHAIN_BROKEN},
		{{"two.example", "ann@one.example", "bob@three.example", 0, 0, NULL}, DKIM2_DOMAIN_OTHER},
		{{"two.example", "x@two.example", "", 0, 0, NULL}, DKIM2_RECIPIENTS_MANY},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		enum dkim2_reason reason;
		try_sign(one, &cases[i].hop, &reason, *state);
		if (reason != cases[i].reason)
			fail_msg("%s: %s", cases[i].hop.from, dkim2_reason_text(reason));
	}
}

/* Who signs doesn't have to be honest: the fields are right, the chain isn't. */
static void a_broken_chain_is_found(void **state)
{
	struct slice one = sign(SLICE(LETTER), &first, *state);
	struct slice two = sign(one, &second, *state);
	/* the second signs as a third: its name is changed, and so its signature is wrong, too; but the chain is looked at first */
	struct slice other = replaced(two, "d=two.example", "d=evil.test", *state);
	must_be(other, second.from, "bob@three.example", DKIM2_DOMAIN_OTHER, "another domain", *state);
	size_t at = slice_find(two, SLICE("From: Ann"));
	struct slice gone = arena_printf(*state, "%.*s%.*s", (int)slice_find(two, SLICE("DKIM2-Signature: i=1")), two.at, SLICE_ARG(slice_skip(two, at)));
	must_be(gone, second.from, "bob@three.example", DKIM2_MISSING, "the beginning is gone", *state);
}

static void requests_of_those_before_are_kept(void **state)
{
	struct hop asks = first, explodes = second, revises = second;
	enum dkim2_reason reason;
	asks.flags = DKIM2_FLAG_DONOTEXPLODE | DKIM2_FLAG_DONOTMODIFY;
	explodes.flags = DKIM2_FLAG_EXPLODED;
	struct slice one = sign(SLICE(LETTER), &asks, *state);
	try_sign(one, &explodes, &reason, *state);
	assert_int_equal(reason, DKIM2_EXPLODED);
	try_sign(replaced(one, "Hi.", "Ho.", *state), &revises, &reason, *state);
	assert_int_equal(reason, DKIM2_MODIFIED);
	must_be(sign(one, &second, *state), second.from, "bob@three.example", DKIM2_VALID, "nothing of that", *state);
}

/* ---- recipes ---- */

struct change {
	const char *old, *new, *recipe;
	enum dkim2_reason reason;
};

static void changes_that_are_written_down_are_undone(void **state)
{
	static const struct change cases[] = {
		{"Subject: Dinner", "Subject: [list] Dinner", "{\"h\":{\"subject\":[{\"d\":[\"Dinner\"]}]}}", DKIM2_VALID},
		{"Subject: Dinner", "Subject: [list] Dinner", "{\"h\":{\"SUBJECT\":[{\"d\":[\" Dinner\\t\"]}]}, \"new\":1}", DKIM2_VALID},
		{"Subject: Dinner", "Subject: [list] Dinner", "{\"h\":{\"subject\":[{\"d\":[\"Lunch\"]}]}}", DKIM2_HEADER_CHANGED},
		{"Subject: Dinner", "Subject: [list] Dinner", "{\"h\":null}", DKIM2_VALID}, /* nobody can tell, and that is said */
		{"Subject: Dinner\r\n", "", "{\"h\":{\"subject\":[{\"d\":[\"Dinner\"]}]}}", DKIM2_VALID},
		{"Date:", "List-Id: <list>\r\nDate:", "{\"h\":{\"list-id\":[]}}", DKIM2_VALID},
		{"Date:", "List-Id: <list>\r\nDate:", "{\"h\":{\"list-id\":[{\"c\":[1,1]}]}}", DKIM2_HEADER_CHANGED},
		{"Date:", "List-Id: <list>\r\nDate:", "{\"h\":{\"list-id\":[{\"c\":[1,2]}]}}", DKIM2_RECIPE_WRONG},
		{"Date:", "Subject: Lunch\r\nDate:", "{\"h\":{\"subject\":[{\"c\":[2,2]}]}}", DKIM2_VALID}, /* counted from below */
		{"Date:", "Subject: Lunch\r\nDate:", "{\"h\":{\"subject\":[{\"c\":[1,1]}]}}", DKIM2_HEADER_CHANGED},
		{"Hi.\r\n", "Hi.\r\nBuy!\r\n", "{\"b\":[{\"c\":[1,1]},{\"c\":[3,4]}]}", DKIM2_VALID},
		{"hungry?\r\n", "hungry?\r\n-- \r\nlist\r\n", "{\"b\":[{\"c\":[1,3]}]}", DKIM2_VALID},
		{"Hi.\r\n", "", "{\"b\":[{\"d\":[\"Hi.\"]},{\"c\":[1,2]}]}", DKIM2_VALID},
		{"Hi.\r\n\r\nAre you hungry?\r\n", "", "{\"b\":[{\"d\":[\"Hi.\",\"\",\"Are you hungry?\"]}]}", DKIM2_VALID},
		{"Hi.\r\n\r\nAre you hungry?\r\n", "Ho.", "{\"b\":[{\"c\":[1,1]},{\"d\":[\"\"]}]}", DKIM2_BODY_CHANGED},
		{"hungry?\r\n", "hungry?", "{\"b\":[{\"c\":[1,3]},{\"d\":[\"\",\"\"]}]}", DKIM2_VALID}, /* empty lines at the end don't count */
		{"Hi.", "Ho.", "{\"b\":[{\"c\":[1,4]}]}", DKIM2_RECIPE_WRONG},
		{"Hi.", "Ho.", "{\"b\":[{\"c\":[1,3]}]}", DKIM2_BODY_CHANGED},
		{"Hi.", "Ho.", "{\"b\":null}", DKIM2_VALID},
		{"Hi.", "Ho.", "{\"b\":[{\"d\":[\"Hi.\"]},{\"c\":[2,3]}],\"h\":{\"x-new\":[]}}", DKIM2_VALID},
		{"Hi.", "Ho.", "{\"b\":[{\"d\":[\"Hi.\"]},{\"c\":[2,3]}],\"h\":null}", DKIM2_VALID},
	};
	struct slice one = sign(SLICE(LETTER), &first, *state);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct hop revises = second;
		revises.recipe = cases[i].recipe;
		struct slice two = sign(replaced(one, cases[i].old, cases[i].new, *state), &revises, *state);
		must_be(two, second.from, "bob@three.example", cases[i].reason, cases[i].recipe, *state);
	}
}

static void recipes_are_read_by_the_letter(void **state)
{
	static const char *const wrong[] = {"", "x", "[]", "{}", "null", "{\"c\":1}", "{\"h\":[]}", "{\"h\":{}}", "{\"b\":{}}", "{\"b\":1}", "{\"b\":[1]}", "{\"b\":[{}]}",
		"{\"b\":[{\"c\":[1]}]}", "{\"b\":[{\"c\":[0,1]}]}", "{\"b\":[{\"c\":[2,1]}]}", "{\"b\":[{\"c\":[1,2,3]}]}", "{\"b\":[{\"c\":[1,2]},{\"c\":[2,3]}]}",
		"{\"b\":[{\"c\":[1.5,2]}]}", "{\"b\":[{\"c\":[\"1\",2]}]}", "{\"b\":[{\"d\":[]}]}", "{\"b\":[{\"d\":[1]}]}", "{\"b\":[{\"d\":[\"a\\nb\"]}]}", "{\"b\":[{\"d\":[\"a\\rb\"]}]}",
		"{\"b\":[{\"d\":[\"a\"],\"c\":[1,1]}]}", "{\"b\":[{\"e\":[\"a\"]}]}", "{\"h\":{\"a\":[],\"A\":[]}}", "{\"h\":{\"a\":[],\"a\":[]}}", "{\"h\":{\"\":[]}}", "{\"h\":{\"a b\":[]}}",
		"{\"h\":{\"a:b\":[]}}", "{\"h\":{\"a\":null}}", "{\"b\":[{\"d\":[\"\\u0000\"]}]}", "{\"b\":[{\"d\":[\"\xff\"]}]}", "{\"b\":[{\"c\":[1,99999999999999999999]}]}",
		"{\"b\":[[[[[[[[]]]]]]]]}"};
	static const char *const right[] = {"{\"h\":null}", "{\"b\":null,\"x\":[{\"[[[[[[[[[\":\"\\\"[[[[[[[\"}]}", "{\"b\":[]}", "{\"h\":{\"a\":[]}}", "{\"b\":[{\"c\":[1,1]},{\"d\":[\"\"]},{\"c\":[2,9223372036854775807]}]}"};
	struct dkim2_recipe recipe;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		if (dkim2_recipe_read(slice_of(wrong[i]), *state, &recipe))
			fail_msg("%s was read", wrong[i]);
	for (size_t i = 0; i < sizeof right / sizeof *right; i++)
		if (!dkim2_recipe_read(slice_of(right[i]), *state, &recipe))
			fail_msg("%s wasn't read", right[i]);
}

/* Who signs nevertheless, though asked not to: as ours never would. */
static void what_was_asked_not_to_be_changed_is_looked_for(void **state)
{
	static const struct change cases[] = {
		{"Subject: Dinner", "Subject: [list] Dinner", "{\"h\":{\"subject\":[{\"d\":[\"Dinner\"]}]}}", DKIM2_MODIFIED},
		{"Date:", "List-Id: <list>\r\nDate:", "{\"h\":{\"list-id\":[]}}", DKIM2_VALID}, /* adding is allowed */
		{"Hi.", "Ho.", "{\"b\":[{\"d\":[\"Hi.\"]},{\"c\":[2,3]}]}", DKIM2_MODIFIED},
		{"Hi.", "Ho.", "{\"b\":null}", DKIM2_MODIFIED},
		{"Subject: Dinner", "Subject: [list] Dinner", "{\"h\":null}", DKIM2_MODIFIED},
	};
	struct hop asks = first;
	asks.flags = DKIM2_FLAG_DONOTMODIFY;
	struct slice one = sign(SLICE(LETTER), &asks, *state), plain = sign(SLICE(LETTER), &first, *state);
	size_t asked = slice_find(one, SLICE("Message-Instance")), unasked = slice_find(plain, SLICE("Message-Instance"));
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct hop revises = second;
		revises.recipe = cases[i].recipe;
		struct slice two = sign(replaced(plain, cases[i].old, cases[i].new, *state), &revises, *state);
		/* the first signature is exchanged for the one that asks: the second is wrong then, which is found, too, but later */
		size_t at = slice_find(two, slice_sub(plain, 0, unasked));
		struct slice both = arena_printf(*state, "%.*s%.*s%.*s", (int)at, two.at, (int)asked, one.at, SLICE_ARG(slice_skip(two, at + unasked)));
		must_be(both, second.from, "bob@three.example", cases[i].reason == DKIM2_VALID ? DKIM2_SIGNATURE_WRONG : cases[i].reason, cases[i].recipe, *state);
	}
}

static void changes_one_after_the_other_are_undone_one_after_the_other(void **state)
{
	struct slice whole = sign(SLICE(LETTER), &first, *state);
	struct hop hop = {"two.example", "x@two.example", "y@two.example", 0, 0, NULL};
	unsigned last = 1;
	for (unsigned i = 2; i <= DKIM2_BODIES_MAX + 2; i++) {
		char old[40], new[60], recipe[100];
		snprintf(old, sizeof old, last == 1 ? "Hi.\r\n" : "Hi.%u\r\n", last);
		snprintf(new, sizeof new, "Hi.%u\r\n", i);
		snprintf(recipe, sizeof recipe, last == 1 ? "{\"b\":[{\"d\":[\"Hi.\"]},{\"c\":[2,3]}]}" : "{\"b\":[{\"d\":[\"Hi.%u\"]},{\"c\":[2,3]}]}", last);
		hop.recipe = recipe;
		whole = sign(replaced(whole, old, new, *state), &hop, *state);
		last = i;
		must_be(whole, hop.from, hop.to, DKIM2_VALID, recipe, *state);
	}
	struct dkim2_verify *verify = dkim2_verify_new(slice_sub(whole, 0, header_length(whole)), NULL, now);
	struct lookup *table = zone();
	dkim2_verify_body(verify, slice_skip(whole, header_length(whole)));
	const struct dkim2_verdict *verdict = dkim2_verify_end(verify, table);
	assert_int_equal(verdict->instance_count, DKIM2_BODIES_MAX + 2);
	for (size_t i = 0; i < verdict->instance_count; i++)
		assert_int_equal(verdict->instances[i].recreated, i >= 2); /* what is older than so many changes isn't recreated */
	lookup_free(&table);
	dkim2_verify_free(&verify);
}

/* ---- bounds ---- */

static void a_message_has_so_many_signatures_and_no_more(void **state)
{
	struct slice whole = sign(SLICE(LETTER), &first, *state);
	struct hop hop = {"two.example", "x@two.example", "y@two.example", 0, 0, NULL};
	enum dkim2_reason reason;
	for (size_t i = 1; i < DKIM2_SIGNATURES_MAX; i++)
		whole = sign(whole, &hop, *state);
	must_be(whole, hop.from, hop.to, DKIM2_VALID, "as many as can be", *state);
	try_sign(whole, &hop, &reason, *state);
	assert_int_equal(reason, DKIM2_FIELDS_MANY);
	try_sign(SLICE(" x=y\r\n"), &first, &reason, *state); /* it would go on our field */
	assert_int_equal(reason, DKIM2_HEADER_NONE);
}

static void what_is_large_is_refused_in_linear_time(void **state)
{
	struct buf text = BUF(WHOLE_MAX);
	struct hop many = first;
	struct buf names = BUF(WHOLE_MAX);
	for (size_t i = 0; i < DKIM2_RECIPIENTS_MAX; i++)
		buf_printf(&names, "%sa%zu@two.example", i > 0 ? "," : "", i);
	many.to = names.at;
	int64_t begun = cpu_ms();
	must_be(sign(SLICE(LETTER), &many, *state), first.from, "a0@two.example,a999@two.example", DKIM2_VALID, "many recipients", *state);
	while (text.len < 2 * 1024 * 1024)
		buf_append_text(&text, "DKIM2-Signature: i=1;\r\n");
	must_be(buf_slice(&text), "", "", DKIM2_HEADER_LARGE, "a large header", *state);
	buf_clear(&text);
	for (size_t i = 0; i <= DKIM2_HEADER_FIELDS_MAX; i++)
		buf_append_text(&text, "A: b\r\n");
	buf_append_text(&text, "DKIM2-Signature: i=1;\r\n");
	must_be(buf_slice(&text), "", "", DKIM2_HEADER_LARGE, "many fields", *state);
	buf_clear(&text);
	buf_append_text(&text, "DKIM2-Signature: i=1; x=");
	while (text.len < DKIM2_FIELD_MAX)
		buf_append_text(&text, "xxxxxxxxxxxxxxxxxxxxxxxxxx\r\n ");
	must_be(buf_slice(&text), "", "", DKIM2_FIELD_LARGE, "a long field", *state);
	assert_true(cpu_ms() - begun < HUGE_MS);
	buf_free(&text);
	buf_free(&names);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_arena, free_arena)
	const struct CMUnitTest tests[] = {
		TEST(what_is_signed_verifies),
		TEST(every_key_signs_and_every_key_must_be_right),
		TEST(what_changes_is_found),
		TEST(whom_it_goes_to_is_part_of_it),
		TEST(fields_are_read_by_the_letter),
		TEST(both_fields_are_there_once_for_each_number),
		TEST(signatures_are_for_two_weeks),
		TEST(keys_are_judged),
		TEST(a_chain_goes_from_hand_to_hand),
		TEST(a_broken_chain_is_found),
		TEST(requests_of_those_before_are_kept),
		TEST(changes_that_are_written_down_are_undone),
		TEST(recipes_are_read_by_the_letter),
		TEST(what_was_asked_not_to_be_changed_is_looked_for),
		TEST(changes_one_after_the_other_are_undone_one_after_the_other),
		TEST(a_message_has_so_many_signatures_and_no_more),
		TEST(what_is_large_is_refused_in_linear_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
