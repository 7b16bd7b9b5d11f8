/* Tests of quarantine for those for whom something was set apart: each sees his own, and lets go or removes no more than that, and than he may. */
#define FIXTURE_ROLE QUEUE_KEEPER
#define FIXTURE_OPTIONS "quarantine_release = own\n"
#include "queue/fixture.h"

#include "queue/handin.h"

enum { LARGE = 40000 };

/* Of two recipients; with a body that may be a file. */
static int64_t set_apart(struct queue *queue, const char *findings, size_t size)
{
	struct queue_recipient recipients[] = {{.address = SLICE("anna@example.test"), .original = SLICE("rfc822;anna@example.test")}, {.address = SLICE("bob@example.test")}};
	struct queue_message message = {.from = SLICE("x@far.test"), .recipients = recipients, .recipient_count = 2, .client = SLICE("far [192.0.2.1]"), .set_apart = true, .junk = true,
		.weighed = true, .points = 700, .findings = slice_of(findings)};
	struct queue_draft *draft = queue_draft_new(queue, message.from);
	struct error error;
	char *body = memory_new(size + 1);
	memset(body, 'x', size);
	memcpy(body, "Subject: s\r\n\r\n", 14);
	if (!queue_draft_write(draft, slice_make(body, size), &error) || !queue_commit(queue, &draft, &message, &error))
		fail_msg("%s", error.text);
	free(body);
	return message.id;
}

static size_t list(struct queue *queue, struct arena *arena, struct queue_apart **found)
{
	struct error error;
	size_t count;
	if (!queue_apart_list(queue, QUEUE_APART_LISTED_MAX, arena, found, &count, &error))
		fail_msg("%s", error.text);
	return count;
}

static struct queue_message look(struct queue *queue, int64_t id, struct arena *arena)
{
	struct queue_message *found;
	struct error error;
	size_t count;
	assert_true(queue_list(queue, &(struct queue_filter){.id = id}, arena, &found, &count, &error));
	return count > 0 ? found[0] : (struct queue_message){0};
}

static void each_is_listed_for_each_the_newest_first(void **state)
{
	struct fixture *fixture = *state;
	struct arena *arena = arena_new();
	struct queue_apart *found;
	struct error error;
	size_t count, changed;
	int64_t first = set_apart(fixture->queue, "HTML_ONLY 7.00\n", 100), second = set_apart(fixture->queue, "HTML_ONLY 7.00\n", 100);
	set_apart(fixture->queue, "HTML_ONLY 7.00\nVIRUS_FOUND 0.00 x\n", 100); /* nobody needs it */
	assert_int_equal(list(fixture->queue, arena, &found), 4);
	assert_true(found[0].message == second && found[1].message == second && found[2].message == first);
	assert_true(slice_equal(found[0].address, SLICE("anna@example.test")) && slice_equal(found[1].address, SLICE("bob@example.test")));
	assert_true(queue_apart_list(fixture->queue, 3, arena, &found, &count, &error) && count == 3);
	/* what somebody holds by hand isn't there */
	assert_true(queue_hold(fixture->queue, &(struct queue_filter){.id = first}, false, &changed, &error) && queue_hold(fixture->queue, &(struct queue_filter){.id = first}, true, &changed, &error));
	assert_int_equal(list(fixture->queue, arena, &found), 2);
	assert_false(queue_apart_show(fixture->queue, &(struct queue_apart){.message = first, .recipient = found[0].recipient}, arena, &(struct queue_apart_shown){0}, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
	arena_free(&arena);
}

static void one_is_shown_without_the_others(void **state)
{
	struct fixture *fixture = *state;
	struct arena *arena = arena_new();
	struct queue_apart *found;
	struct queue_apart_shown shown;
	struct error error;
	set_apart(fixture->queue, "HTML_ONLY 7.00\n", LARGE);
	assert_int_equal(list(fixture->queue, arena, &found), 2);
	assert_true(queue_apart_show(fixture->queue, &found[1], arena, &shown, &error));
	assert_true(slice_equal(shown.address, SLICE("bob@example.test")) && slice_equal(shown.from, SLICE("x@far.test")));
	assert_true(slice_starts(shown.head, SLICE("Subject: s\r\n\r\nx")));
	assert_true(shown.head.len == QUEUE_APART_HEAD_MAX && shown.size == LARGE && shown.points == 700 && shown.weighed && shown.may_release);
	assert_false(queue_apart_show(fixture->queue, &(struct queue_apart){.message = found[0].message, .recipient = 12345}, arena, &shown, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
	arena_free(&arena);
}

static void is_let_go_for_one_alone(struct queue *queue, size_t size)
{
	struct arena *arena = arena_new();
	struct queue_apart *found;
	struct slice bytes;
	struct error error;
	int64_t as, also, id = set_apart(queue, "HTML_ONLY 7.00\n", size);
	int fd = -1;
	assert_int_equal(list(queue, arena, &found), 2);
	assert_true(queue_apart_end(queue, &found[0], true, &as, &error));
	struct queue_message released = look(queue, as, arena), left = look(queue, id, arena);
	assert_true(as != id && !released.held && !released.weighed && !released.junk && released.recipient_count == 1 && released.suspicion.reason == REASON_NONE);
	assert_true(slice_equal(released.recipients[0].address, SLICE("anna@example.test")) && slice_equal(released.recipients[0].original, SLICE("rfc822;anna@example.test")));
	assert_true(left.held && left.suspicion.reason == REASON_SET_APART && left.recipient_count == 1 && slice_equal(left.recipients[0].address, SLICE("bob@example.test")));
	assert_true(released.size == size && queue_body(queue, as, arena, &bytes, &fd, &error) && (fd >= 0) == (size > QUEUE_INLINE_MAX));
	assert_true(fd >= 0 || slice_starts(slice_skip(bytes, released.preface), SLICE("Subject: s\r\n\r\nx")));
	if (fd >= 0)
		close(fd);
	/* the same again isn't there, and the other is no copy any more */
	assert_false(queue_apart_end(queue, &found[0], true, &also, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
	assert_true(queue_apart_end(queue, &found[1], true, &also, &error) && also == id && !look(queue, id, arena).held && !look(queue, id, arena).weighed);
	assert_int_equal(list(queue, arena, &found), 0);
	arena_free(&arena);
}

static void it_is_let_go_for_one_alone(void **state)
{
	struct fixture *fixture = *state;
	is_let_go_for_one_alone(fixture->queue, 100);
	is_let_go_for_one_alone(fixture->queue, LARGE);
}

static void it_is_removed_for_one_alone(void **state)
{
	struct fixture *fixture = *state;
	struct arena *arena = arena_new();
	struct queue_apart *found;
	struct error error;
	int64_t as, id = set_apart(fixture->queue, "HTML_ONLY 7.00\n", LARGE);
	assert_int_equal(list(fixture->queue, arena, &found), 2);
	assert_true(queue_apart_end(fixture->queue, &found[1], false, &as, &error));
	struct queue_message left = look(fixture->queue, id, arena);
	assert_true(left.held && left.recipient_count == 1 && slice_equal(left.recipients[0].address, SLICE("anna@example.test")));
	assert_true(queue_apart_end(fixture->queue, &found[0], false, &as, &error) && look(fixture->queue, id, arena).id == 0);
	arena_free(&arena);
}

static void refuse(struct queue *queue, const char *findings)
{
	struct arena *arena = arena_new();
	struct queue_apart *found;
	struct queue_apart_shown shown;
	struct error error;
	int64_t as;
	size_t changed;
	set_apart(queue, findings, 100);
	assert_int_equal(list(queue, arena, &found), 2);
	assert_true(queue_apart_show(queue, &found[0], arena, &shown, &error) && !shown.may_release);
	for (int let_go = 0; let_go < 2; let_go++) {
		assert_false(queue_apart_end(queue, &found[0], let_go, &as, &error));
		assert_int_equal(error.kind, ERROR_DENIED);
	}
	assert_int_equal(list(queue, arena, &found), 2);
	assert_true(queue_remove(queue, &(struct queue_filter){.id = found[0].message}, &changed, &error));
	arena_free(&arena);
}

static void what_isnt_plain_spam_stays_the_administrators(void **state)
{
	struct fixture *fixture = *state;
	struct buf record = BUF(QUEUE_FINDINGS_MAX);
	refuse(fixture->queue, "HTML_ONLY 7.00\nATTACH_DOUBTFUL_KIND 0.00 disc.iso\n");
	refuse(fixture->queue, "MILTER_QUARANTINES 0.00\n");
	refuse(fixture->queue, "MILTER_DISCARDS 0.00\n");
	refuse(fixture->queue, ""); /* nobody knows why */
	while (record.len < QUEUE_FINDINGS_MAX - 100)
		buf_append_text(&record, "HTML_ONLY 7.00 and so on\n"); /* and what else there was had no place */
	buf_append(&record, slice_make("", 1));
	refuse(fixture->queue, record.at);
	buf_free(&record);
	set_options("quarantine_release = nobody\n");
	refuse(fixture->queue, "HTML_ONLY 7.00\n");
	set_options("");
	refuse(fixture->queue, "HTML_ONLY 7.00\n"); /* that's the default */
}

static void ask(struct queue *queue, unsigned verb, const uint64_t *numbers, size_t count, struct buf *out)
{
	struct buf text = BUF(64);
	for (size_t i = 0; i < count; i++)
		wire_put_number(&text, numbers[i]);
	queue_apart_answer(queue, verb, buf_slice(&text), out);
	buf_free(&text);
}

static enum error_kind error_of(struct wire_reader *reader)
{
	enum error_kind kind = (enum error_kind)wire_number(reader, ERROR_FULL);
	wire_text(reader, 1000);
	return kind;
}

static void questions_and_answers_are_bytes(void **state)
{
	struct fixture *fixture = *state;
	struct arena *arena = arena_new();
	struct queue_apart *found;
	struct queue_apart_shown shown;
	struct buf answer = BUF(CALL_ANSWER_MAX);
	size_t count;
	int64_t id = set_apart(fixture->queue, "HTML_ONLY 7.00\n", 100);
	ask(fixture->queue, HANDIN_APART_LIST, (uint64_t[]){10}, 1, &answer);
	struct wire_reader reader = {.rest = buf_slice(&answer)};
	assert_int_equal(error_of(&reader), ERROR_NONE);
	assert_true(queue_apart_read_list(&reader, arena, &found, &count) && count == 2 && found[1].message == id);
	buf_clear(&answer);
	ask(fixture->queue, HANDIN_APART_SHOW, (uint64_t[]){(uint64_t)id, (uint64_t)found[0].recipient}, 2, &answer);
	for (size_t cut = 1; cut < answer.len; cut++) { /* what is cut anywhere is none */
		reader = (struct wire_reader){.rest = slice_sub(buf_slice(&answer), 0, answer.len - cut)};
		assert_false(error_of(&reader) == ERROR_NONE && queue_apart_read_shown(&reader, arena, &shown));
	}
	reader = (struct wire_reader){.rest = buf_slice(&answer)};
	assert_int_equal(error_of(&reader), ERROR_NONE);
	assert_true(queue_apart_read_shown(&reader, arena, &shown) && shown.may_release && slice_equal(shown.address, SLICE("anna@example.test")));
	static const struct { unsigned verb; uint64_t numbers[3]; size_t count; } bad[] = {{HANDIN_APART_LIST, {0}, 0}, {HANDIN_APART_LIST, {QUEUE_APART_LISTED_MAX + 1}, 1},
		{HANDIN_APART_SHOW, {1}, 1}, {HANDIN_APART_RELEASE, {1, 1, 1}, 3}, {HANDIN_APART_REMOVE, {UINT64_MAX, 1}, 2}};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		buf_clear(&answer);
		ask(fixture->queue, bad[i].verb, bad[i].numbers, bad[i].count, &answer);
		reader = (struct wire_reader){.rest = buf_slice(&answer)};
		assert_int_equal(error_of(&reader), ERROR_INVALID);
	}
	buf_free(&answer);
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(each_is_listed_for_each_the_newest_first),
		CASE(one_is_shown_without_the_others),
		CASE(it_is_let_go_for_one_alone),
		CASE(it_is_removed_for_one_alone),
		CASE(what_isnt_plain_spam_stays_the_administrators),
		CASE(questions_and_answers_are_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
