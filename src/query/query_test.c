/* What a search asks and what answers it: trees built by hand, a message in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "query/query.h"

#define LETTER                                                                                                                              \
	"From: =?utf-8?Q?J=C3=BCrgen?= <juergen@example.test>\r\nTo: bob@example.test, carol@example.test\r\nSubject: Our  journey\r\n"      \
	"Date: Mon, 2 Mar 2020 23:30:00 -0500\r\nMessage-ID: <1@example.test>\r\nX-Note: green\r\nMIME-Version: 1.0\r\n"                    \
	"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=iso-8859-1\r\n"                          \
	"Content-Transfer-Encoding: quoted-printable\r\n\r\nTea at f=FCnf o'=\r\nclock\r\n--b\r\n"                                          \
	"Content-Type: application/pdf; name=timetable.pdf\r\n\r\nbinary tea\r\n--b--\r\n"

enum { FLAG_SEEN = 1, FLAG_DRAFT = 2, FLAG_RECENT = 4, FLAG_DELETED = 8 }; /* any bits */
enum { RECEIVED = 1583193600 /* 2020-03-03 00:00 UTC */, DAY = RECEIVED / 86400 };

/* A message in memory, what was asked of it, and what is granted. */
struct asked {
	struct slice text;
	struct mime_part *structure;
	int reads, structures;
	uint64_t lent, most_lent, share;
	bool over;
};

struct fixture {
	struct arena *arena, *step;
	struct query query;
	struct asked asked;
};

static bool read_asked(void *context, uint64_t offset, uint64_t length, char *at)
{
	struct asked *asked = context;
	asked->reads++;
	struct slice part = slice_sub(asked->text, (size_t)offset, (size_t)length);
	if (part.len < length)
		return false;
	memcpy(at, part.at, part.len);
	return true;
}

static const struct mime_part *structure_of_asked(void *context)
{
	struct asked *asked = context;
	asked->structures++;
	return asked->structure;
}

static bool lend(void *context, uint64_t bytes)
{
	struct asked *asked = context;
	assert_true(bytes > QUERY_UNCOUNTED);
	if (bytes > asked->share - asked->lent)
		return false;
	asked->lent += bytes;
	asked->most_lent = asked->lent > asked->most_lent ? asked->lent : asked->most_lent;
	return true;
}

static void take_back(void *context, uint64_t bytes)
{
	((struct asked *)context)->lent -= bytes;
}

static bool asked_is_over(void *context)
{
	return ((struct asked *)context)->over;
}

static const struct query_asks asks = {read_asked, structure_of_asked, lend, take_back, asked_is_over};

static int setup(void **state)
{
	struct fixture *f = *state = test_calloc(1, sizeof *f);
	f->arena = arena_new();
	f->step = arena_new();
	f->asked = (struct asked){.text = SLICE(LETTER)};
	f->asked.structure = mime_parse(f->asked.text, f->arena);
	query_begin(&f->query, f->arena);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	arena_free(&f->arena);
	arena_free(&f->step);
	test_free(f);
	return 0;
}

static bool matches(struct fixture *f, bool *refused)
{
	struct query_message message = {
		.asks = &asks, .context = &f->asked, .number = 4, .uid = 17, .flags = FLAG_SEEN, .keywords = SLICE("$Forwarded todo"), .size = 1000,
		.received = RECEIVED, .arena = f->arena, .step = f->step,
	};
	bool found = query_matches(&f->query, &message);
	*refused = message.refused;
	return found;
}

static bool answer(struct fixture *f)
{
	bool refused;
	bool found = matches(f, &refused);
	assert_false(refused);
	return found;
}

/* Does a query of this one key match? */
static bool ask(struct fixture *f, struct query_node key)
{
	query_begin(&f->query, f->arena);
	struct query_node *node = query_node(&f->query, key.key);
	*node = key;
	node->text = query_text(&f->query, key.text);
	assert_true(query_put(&f->query, f->query.root, node));
	return answer(f);
}

static struct query_node *put(struct fixture *f, struct query_node *parent, struct query_node key)
{
	struct query_node *node = query_node(&f->query, key.key);
	*node = key;
	assert_true(query_put(&f->query, parent, node));
	return node;
}

static bool ask_text(struct fixture *f, enum query_key key, const char *text)
{
	return ask(f, (struct query_node){.key = key, .text = slice_of(text)});
}

static void the_row_answers_without_asking(void **state)
{
	struct fixture *f = *state;
	struct range some[] = {{2, 5}, {17, 17}};
	assert_true(answer(f)); /* no key at all */
	assert_true(ask(f, (struct query_node){.key = QUERY_FLAGS, .flag_mask = FLAG_SEEN, .flags = FLAG_SEEN}));
	assert_false(ask(f, (struct query_node){.key = QUERY_FLAGS, .flag_mask = FLAG_SEEN | FLAG_RECENT, .flags = FLAG_RECENT}));
	assert_true(ask(f, (struct query_node){.key = QUERY_FLAGS, .flag_mask = FLAG_DRAFT}));
	assert_true(ask(f, (struct query_node){.key = QUERY_KEYWORD, .field = SLICE("TODO")}));
	assert_true(ask(f, (struct query_node){.key = QUERY_NO_KEYWORD, .field = SLICE("tod")}));
	assert_true(ask(f, (struct query_node){.key = QUERY_NUMBERS, .set = {some, 1}}));
	assert_false(ask(f, (struct query_node){.key = QUERY_UIDS, .set = {some, 1}}));
	assert_true(ask(f, (struct query_node){.key = QUERY_UIDS, .set = {some, 2}}));
	assert_true(ask(f, (struct query_node){.key = QUERY_ON, .day = DAY}) && ask(f, (struct query_node){.key = QUERY_SINCE, .day = DAY}));
	assert_false(ask(f, (struct query_node){.key = QUERY_BEFORE, .day = DAY}));
	assert_false(ask(f, (struct query_node){.key = QUERY_LARGER, .number = 1000}) || ask(f, (struct query_node){.key = QUERY_SMALLER, .number = 1000}));
	assert_int_equal(f->query.root->cost, QUERY_COST_ROW);
	assert_int_equal(f->asked.structures + f->asked.reads, 0);
}

static void the_envelope_answers_without_reading(void **state)
{
	struct fixture *f = *state;
	assert_true(ask_text(f, QUERY_FROM, "JÜRGEN <juergen@"));
	assert_true(ask_text(f, QUERY_TO, "carol"));
	assert_false(ask_text(f, QUERY_TO, "bob@example.test> carol")); /* two addresses, not one text */
	assert_true(ask_text(f, QUERY_SUBJECT, "our journey"));
	assert_false(ask_text(f, QUERY_CC, "") || ask_text(f, QUERY_BCC, "x"));
	/* The day that is written there, though it is another in UTC. */
	assert_true(ask(f, (struct query_node){.key = QUERY_SENT_ON, .day = DAY - 1}));
	assert_true(ask(f, (struct query_node){.key = QUERY_SENT_BEFORE, .day = DAY}));
	assert_false(ask(f, (struct query_node){.key = QUERY_SENT_SINCE, .day = DAY}));
	assert_true(ask(f, (struct query_node){.key = QUERY_HEADER, .field = SLICE("message-id"), .text = SLICE("<1@EXAMPLE")}));
	assert_int_equal(f->query.root->cost, QUERY_COST_SUMMARY);
	assert_int_equal(f->asked.reads, 0);
}

static void content_is_decoded(void **state)
{
	struct fixture *f = *state;
	assert_true(ask(f, (struct query_node){.key = QUERY_HEADER, .field = SLICE("X-Note"), .text = SLICE("GREEN")}));
	assert_false(ask(f, (struct query_node){.key = QUERY_HEADER, .field = SLICE("X-Other"), .text = SLICE("")}));
	assert_true(ask_text(f, QUERY_BODY, "fünf o'clock"));
	assert_false(ask_text(f, QUERY_BODY, "green") || ask_text(f, QUERY_BODY, "binary"));
	assert_true(ask_text(f, QUERY_TEXT, "green") && ask_text(f, QUERY_TEXT, "TIMETABLE") && ask_text(f, QUERY_TEXT, "tea at"));
}

static void trees_are_walked(void **state)
{
	struct fixture *f = *state;
	struct query_node *not = query_node(&f->query, QUERY_NOT), *or = query_node(&f->query, QUERY_OR);
	put(f, not, (struct query_node){.key = QUERY_TEXT, .text = SLICE("absent")});
	put(f, or, (struct query_node){.key = QUERY_LARGER, .number = 5000});
	put(f, or, (struct query_node){.key = QUERY_SUBJECT, .text = SLICE("journey")});
	assert_true(query_put(&f->query, f->query.root, not) && query_put(&f->query, f->query.root, or));
	assert_true(answer(f) && answer(f)); /* and the second time as the first */
	put(f, f->query.root, (struct query_node){.key = QUERY_FLAGS, .flag_mask = FLAG_DELETED, .flags = FLAG_DELETED});
	int reads = f->asked.reads;
	assert_false(answer(f));
	assert_int_equal(f->asked.reads, reads); /* the cheap key was asked first, though it came last */
	assert_int_equal(f->query.root->children->key, QUERY_FLAGS);
	assert_int_equal(f->query.root->cost, QUERY_COST_BODY);
}

static void all_keys_share_one_reading(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < 50; i++)
		put(f, f->query.root, (struct query_node){.key = QUERY_BODY, .text = SLICE("tea")});
	assert_true(answer(f));
	assert_int_equal(f->asked.reads, 1);
}

static void there_are_limits(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < QUERY_TEXTS_MAX; i++)
		put(f, f->query.root, (struct query_node){.key = QUERY_BODY, .text = SLICE("tea")});
	struct query_node *more = query_node(&f->query, QUERY_TEXT);
	assert_false(query_put(&f->query, f->query.root, more));
	for (int i = QUERY_TEXTS_MAX + 1; i < QUERY_KEYS_MAX; i++)
		assert_non_null(query_node(&f->query, QUERY_ALL));
	assert_null(query_node(&f->query, QUERY_ALL));
}

static void large_texts_are_searched_with_lent_memory(void **state)
{
	struct fixture *f = *state;
	struct buf large = BUF(4 * 1024 * 1024);
	for (int i = 0; i < 40000; i++)
		buf_append_text(&large, i ? "a line like any other, of forty bytes.\r\n" : "Subject: long\r\n\r\n");
	buf_append_text(&large, "the end of\r\nit all\r\n");
	f->asked = (struct asked){.text = buf_slice(&large), .share = 8 * 1024 * 1024, .structure = mime_parse(buf_slice(&large), f->arena)};
	assert_true(ask_text(f, QUERY_BODY, "any other, of forty bytes. the end of it all"));
	assert_true(f->asked.most_lent >= large.len && f->asked.lent == 0);
	bool refused;
	f->asked.share = 2 * 1024 * 1024;
	assert_false(matches(f, &refused));
	assert_true(refused && f->asked.lent == 0);
	f->asked.share = 8 * 1024 * 1024;
	f->asked.over = true; /* whoever asked has gone */
	assert_false(matches(f, &refused));
	assert_false(refused);
	buf_free(&large);
}

/* What can't be read, or has no structure, has no text; what its row says holds nevertheless. */
static void damaged_messages_are_searched(void **state)
{
	struct fixture *f = *state;
	f->asked.text = SLICE("");
	assert_false(ask_text(f, QUERY_TEXT, "tea"));
	f->asked.structure = NULL;
	assert_false(ask_text(f, QUERY_TEXT, "tea") || ask_text(f, QUERY_FROM, "") || ask(f, (struct query_node){.key = QUERY_SENT_SINCE, .day = 0}));
	assert_true(ask(f, (struct query_node){.key = QUERY_SINCE, .day = DAY}));
}

#define QUERY_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		QUERY_TEST(the_row_answers_without_asking), QUERY_TEST(the_envelope_answers_without_reading), QUERY_TEST(content_is_decoded),
		QUERY_TEST(trees_are_walked), QUERY_TEST(all_keys_share_one_reading), QUERY_TEST(there_are_limits),
		QUERY_TEST(large_texts_are_searched_with_lent_memory), QUERY_TEST(damaged_messages_are_searched),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
