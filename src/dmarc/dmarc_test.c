/* Policies of authors: records, walks up the tree, alignment, dispositions; the examples of RFC 9989's appendix B among them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "dmarc/dmarc.h"

enum { ROUNDS_MAX = 10, FAILS = LOOKUP_TYPES };

static const struct {
	const char *name;
	int type;
	const char *value;
} zone[] = {
	{"_dmarc.example.com", LOOKUP_TXT, "v=DMARC1; p=reject; sp=quarantine; np=reject"}, {"_dmarc.signing.example.com", LOOKUP_TXT, "v=DMARC1; p=none"},
	{"real.example.com", LOOKUP_MX, "mx.example.com"}, {"half.example.com", FAILS, ""},
	{"_dmarc.bank.example", LOOKUP_TXT, "v=DMARC1; p=quarantine; psd=y; np=reject"}, {"_dmarc.giant.bank.example", LOOKUP_TXT, "v=DMARC1; p=reject"},
	{"mega.bank.example", LOOKUP_A, "\1\2\3\4"},
	{"_dmarc.strict.example", LOOKUP_TXT, "v=DMARC1; p=reject; adkim=s; aspf=s"},
	{"_dmarc.mixed.example", LOOKUP_TXT, "v=DMARC1; p=reject; adkim=s"},
	{"_dmarc.testing.example", LOOKUP_TXT, "v=DMARC1; p=reject; t=y"}, {"_dmarc.mild.example", LOOKUP_TXT, "v=DMARC1;p=quarantine;t=y"},
	{"_dmarc.dept.corp.example", LOOKUP_TXT, "v=DMARC1; p=quarantine; psd=n"}, {"_dmarc.corp.example", LOOKUP_TXT, "v=DMARC1; p=reject"},
	{"_dmarc.two.example", LOOKUP_TXT, "v=DMARC1; p=reject"}, {"_dmarc.two.example", LOOKUP_TXT, "v=DMARC1; p=none"},
	{"_dmarc.beside.example", LOOKUP_TXT, "some words"}, {"_dmarc.beside.example", LOOKUP_TXT, "v=DMARC1; p=reject"},
	{"_dmarc.broken.example", LOOKUP_TXT, "v=DMARC1; p=rejct"}, {"_dmarc.told.example", LOOKUP_TXT, "v=DMARC1; p=rejct; rua=mailto:d@told.example"},
	{"_dmarc.bare.example", LOOKUP_TXT, "v=DMARC1"}, {"_dmarc.dead.example", FAILS, ""},
	{"_dmarc.xn--mller-kva.example", LOOKUP_TXT, "v=DMARC1; p=reject"},
};

static void answer(struct lookup *table, enum lookup_type type, struct slice name)
{
	struct lookup_record records[4];
	struct lookup_answer found = {.status = LOOKUP_NO_NAME, .records = records};
	for (size_t i = 0; i < sizeof zone / sizeof *zone; i++) {
		if (!slice_equal(slice_of(zone[i].name), name))
			continue;
		if (found.status == LOOKUP_NO_NAME)
			found.status = zone[i].type == FAILS ? LOOKUP_FAILED : LOOKUP_NO_DATA;
		if (zone[i].type == (int)type) {
			records[found.count++] = (struct lookup_record){.data = slice_of(zone[i].value)};
			found.status = LOOKUP_FOUND;
		}
	}
	lookup_put(table, type, name, &found);
}

static void answer_all(struct lookup *table)
{
	size_t cursor = 0;
	enum lookup_type type;
	struct slice name;
	while (lookup_next_wanted(table, &cursor, &type, &name))
		answer(table, type, name);
}

struct expected {
	const char *from;      /* the From field's body */
	const char *spf, *dkim; /* domains that have passed, or NULL */
	enum dmarc_result result;
	enum dmarc_policy disposition;
	const char *policy_domain, *organization; /* NULL: whatever */
};

static const struct expected expected[] = {
	/* RFC 9989 §B.1: alignment. */
	{"a@example.com", "example.com", NULL, DMARC_PASS, DMARC_POLICY_NONE, "example.com", "example.com"},
	{"a@example.com", "child.example.com", NULL, DMARC_PASS, DMARC_POLICY_NONE, "example.com", NULL},
	{"a@child.example.com", "example.net", NULL, DMARC_FAIL, DMARC_POLICY_REJECT, "example.com", NULL},
	{"a@example.com", NULL, "example.com", DMARC_PASS, DMARC_POLICY_NONE, NULL, NULL},
	{"a@child.example.com", NULL, "example.com", DMARC_PASS, DMARC_POLICY_NONE, "example.com", "example.com"},
	{"a@child.example.com", NULL, "example.net", DMARC_FAIL, DMARC_POLICY_REJECT, NULL, NULL},
	{"a@example.com", "notexample.com", "evilexample.com", DMARC_FAIL, DMARC_POLICY_REJECT, NULL, NULL},
	/* §B.4.1 and §B.4.2: walks. */
	{"a@example.com", NULL, "signing.example.com", DMARC_PASS, DMARC_POLICY_NONE, "example.com", "example.com"},
	{"a@a.b.c.d.e.f.g.h.i.j.k.example.com", "example.com", NULL, DMARC_PASS, DMARC_POLICY_NONE, "example.com", "example.com"},
	{"a@a.b.c.d.e.f.g.h.i.j.k.example.com", NULL, "signing.example.com", DMARC_PASS, DMARC_POLICY_NONE, "example.com", "example.com"},
	{"a@a.b.c.d.e.f.g.h.i.j.k.example.com", NULL, NULL, DMARC_FAIL, DMARC_POLICY_REJECT, "example.com", NULL},
	/* §B.4.3: a public suffix. */
	{"a@giant.bank.example", "mail.giant.bank.example", NULL, DMARC_PASS, DMARC_POLICY_NONE, "giant.bank.example", "giant.bank.example"},
	{"a@giant.bank.example", NULL, "mail.mega.bank.example", DMARC_FAIL, DMARC_POLICY_REJECT, "giant.bank.example", "giant.bank.example"},
	{"a@mega.bank.example", NULL, NULL, DMARC_FAIL, DMARC_POLICY_QUARANTINE, "bank.example", "mega.bank.example"},
	{"a@none.bank.example", NULL, NULL, DMARC_FAIL, DMARC_POLICY_REJECT, "bank.example", "none.bank.example"},
	{"a@mega.bank.example", NULL, "giant.bank.example", DMARC_FAIL, DMARC_POLICY_QUARANTINE, NULL, NULL},
	{"a@mega.bank.example", NULL, "bank.example", DMARC_FAIL, DMARC_POLICY_QUARANTINE, NULL, NULL},
	/* A department of its own: psd=n. */
	{"a@x.dept.corp.example", NULL, "dept.corp.example", DMARC_PASS, DMARC_POLICY_NONE, "dept.corp.example", "dept.corp.example"},
	{"a@x.dept.corp.example", NULL, "corp.example", DMARC_FAIL, DMARC_POLICY_QUARANTINE, "dept.corp.example", "dept.corp.example"},
	/* sp for what exists, np for what doesn't. */
	{"a@real.example.com", NULL, NULL, DMARC_FAIL, DMARC_POLICY_QUARANTINE, "example.com", NULL},
	{"a@ghost.example.com", NULL, NULL, DMARC_FAIL, DMARC_POLICY_REJECT, "example.com", NULL},
	{"a@half.example.com", NULL, NULL, DMARC_TEMPERROR, DMARC_POLICY_NONE, "example.com", NULL},
	{"a@half.example.com", "example.com", NULL, DMARC_PASS, DMARC_POLICY_NONE, "example.com", NULL},
	/* Strict alignment, of both and of one. */
	{"a@strict.example", "mail.strict.example", "mail.strict.example", DMARC_FAIL, DMARC_POLICY_REJECT, NULL, NULL},
	{"a@strict.example", "strict.example", NULL, DMARC_PASS, DMARC_POLICY_NONE, NULL, NULL},
	{"a@mixed.example", NULL, "m.mixed.example", DMARC_FAIL, DMARC_POLICY_REJECT, NULL, NULL},
	{"a@mixed.example", "m.mixed.example", NULL, DMARC_PASS, DMARC_POLICY_NONE, NULL, NULL},
	/* Testing: a step milder. */
	{"a@testing.example", NULL, NULL, DMARC_FAIL, DMARC_POLICY_QUARANTINE, NULL, NULL},
	{"a@mild.example", NULL, NULL, DMARC_FAIL, DMARC_POLICY_NONE, NULL, NULL},
	/* Records that are none, or can't be read. */
	{"a@nopolicy.example", "nopolicy.example", NULL, DMARC_NONE, DMARC_POLICY_NONE, "", NULL},
	{"a@two.example", NULL, NULL, DMARC_NONE, DMARC_POLICY_NONE, "", NULL},
	{"a@beside.example", NULL, NULL, DMARC_FAIL, DMARC_POLICY_REJECT, NULL, NULL},
	{"a@broken.example", NULL, NULL, DMARC_PERMERROR, DMARC_POLICY_NONE, NULL, NULL},
	{"a@told.example", NULL, NULL, DMARC_FAIL, DMARC_POLICY_NONE, NULL, NULL},
	{"a@bare.example", NULL, NULL, DMARC_FAIL, DMARC_POLICY_NONE, NULL, NULL},
	{"a@dead.example", "dead.example", NULL, DMARC_TEMPERROR, DMARC_POLICY_NONE, NULL, NULL},
	/* Authors: IDN, several, none. */
	{"a@m\xc3\xbcller.example", "xn--mller-kva.example", NULL, DMARC_PASS, DMARC_POLICY_NONE, NULL, NULL},
	{"a@example.com, b@nopolicy.example", "nopolicy.example", NULL, DMARC_FAIL, DMARC_POLICY_REJECT, "example.com", NULL},
	{"a@mild.example, b@example.com, c@testing.example", NULL, NULL, DMARC_FAIL, DMARC_POLICY_REJECT, "example.com", NULL},
	{"a@example.com, b@example.com", "example.com", NULL, DMARC_PASS, DMARC_POLICY_NONE, NULL, NULL},
	{"a@example.com\r\nFrom: b@strict.example", "example.com", NULL, DMARC_FAIL, DMARC_POLICY_REJECT, "strict.example", NULL},
	{"crowd: a@example.com, b@example.com;", NULL, NULL, DMARC_FAIL, DMARC_POLICY_REJECT, NULL, NULL},
	{"a@example.com, nobody", "example.com", NULL, DMARC_PERMERROR, DMARC_POLICY_NONE, NULL, NULL},
	{"nobody", NULL, NULL, DMARC_PERMERROR, DMARC_POLICY_NONE, NULL, NULL},
	{"a@1.example, a@2.example, a@3.example, a@4.example, a@5.example, a@6.example, a@7.example, a@8.example, a@9.example", NULL, NULL, DMARC_PERMERROR,
	 DMARC_POLICY_NONE, NULL, NULL},
};

static void check(const struct expected *wanted)
{
	struct lookup *table = lookup_new();
	struct arena *arena = arena_new();
	struct dmarc_verdict verdict;
	struct dmarc_identifier identifiers[2];
	size_t count = 0;
	int rounds = 0;
	if (wanted->spf)
		identifiers[count++] = (struct dmarc_identifier){slice_of(wanted->spf), DMARC_BY_SPF};
	if (wanted->dkim)
		identifiers[count++] = (struct dmarc_identifier){slice_of(wanted->dkim), DMARC_BY_DKIM};
	struct slice header = arena_printf(arena, "Subject: x\r\nFrom: %s\r\nTo: y@z.example\r\n\r\n", wanted->from);
	while (dmarc_check_message(header, identifiers, count, table, arena, &verdict) == DMARC_PENDING) {
		assert_true(++rounds < ROUNDS_MAX);
		answer_all(table);
	}
	const char *domain = arena_text(arena, verdict.policy_domain), *organization = arena_text(arena, verdict.organization);
	bool good = verdict.result == wanted->result && verdict.disposition == wanted->disposition && verdict.reason.len > 0 &&
		    (!wanted->policy_domain || strcmp(domain, wanted->policy_domain) == 0) && (!wanted->organization || strcmp(organization, wanted->organization) == 0);
	if (!good)
		fail_msg("%s (SPF %s, DKIM %s): %s, %s by \"%s\", of \"%s\": %s", wanted->from, wanted->spf ? wanted->spf : "-", wanted->dkim ? wanted->dkim : "-",
			 dmarc_result_name(verdict.result), dmarc_policy_name(verdict.disposition), domain, organization, arena_text(arena, verdict.reason));
	assert_true(rounds <= 3);
	arena_free(&arena);
	lookup_free(&table);
}

static void test_messages(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
		check(&expected[i]);
}

/* RFC 9989 §4.10: eight questions at most, and which. */
static void test_a_walk_asks_eight_names(void **state)
{
	(void)state;
	static const char *const names[] = {"_dmarc.a.b.c.d.e.f.g.h.i.j.mail.example.com", "_dmarc.g.h.i.j.mail.example.com", "_dmarc.h.i.j.mail.example.com",
		"_dmarc.i.j.mail.example.com", "_dmarc.j.mail.example.com", "_dmarc.mail.example.com", "_dmarc.example.com", "_dmarc.com"};
	struct lookup *table = lookup_new();
	struct arena *arena = arena_new();
	struct dmarc_verdict verdict;
	size_t cursor = 0, count = 0;
	enum lookup_type type;
	struct slice name;
	assert_int_equal(dmarc_check(SLICE("a.b.c.d.e.f.g.h.i.j.mail.example.com"), NULL, 0, table, arena, &verdict), DMARC_PENDING);
	while (lookup_next_wanted(table, &cursor, &type, &name)) {
		assert_int_equal(type, LOOKUP_TXT);
		assert_true(count < DMARC_WALK_MAX && slice_equal(name, slice_of(names[count])));
		count++;
	}
	assert_int_equal(count, DMARC_WALK_MAX);
	arena_free(&arena);
	lookup_free(&table);
}

static void test_records(void **state)
{
	(void)state;
	struct dmarc_record record;
	static const char *const none[] = {"", "v=DMARC2; p=none", "p=none; v=DMARC1", "v=dmarc1; p=none", "V", "v=DMARC1x", "v=spf1 -all"};
	for (size_t i = 0; i < sizeof none / sizeof *none; i++)
		assert_false(dmarc_record_read(slice_of(none[i]), &record));
	assert_true(dmarc_record_read(SLICE(" v = DMARC1 ;P=Reject ; sp=none;x=y; adkim=S;aspf=q; t=Y; psd=u; pct=50; rua=mailto:a@b.example!10m ; fo=1:d;;"), &record));
	assert_true(record.usable && record.testing && record.strict_dkim && !record.strict_spf);
	assert_int_equal(record.p, DMARC_POLICY_REJECT);
	assert_int_equal(record.sp, DMARC_POLICY_NONE);
	assert_int_equal(record.np, DMARC_POLICY_NONE);
	assert_int_equal(record.psd, DMARC_PSD_UNKNOWN);
	assert_true(slice_equal(record.rua, SLICE("mailto:a@b.example!10m")));
	assert_true(slice_equal(record.fo, SLICE("1:d")));
	assert_true(dmarc_record_read(SLICE("v=DMARC1; p=quarantine"), &record));
	assert_int_equal(record.np, DMARC_POLICY_QUARANTINE);
	assert_true(dmarc_record_read(SLICE("v=DMARC1; p=reject; np=bogus; rua=no uri"), &record));
	assert_false(record.usable);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_a_walk_asks_eight_names),
		cmocka_unit_test(test_records),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
