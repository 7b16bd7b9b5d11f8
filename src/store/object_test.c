/* Tests of what an account keeps beside mail: what has changed is told once and completely, and who was told that somebody is away isn't again. */
#include "store/fixture.h"
#include "store/object.h"
#include "store/push.h"
#include "store/vacation.h"

static int64_t make(const char *text, int64_t reference)
{
	struct object_change one = {.text = slice_of(text), .reference = reference};
	ok(object_change(t.alice, OBJECT_IDENTITY, &one, 1, &t.error));
	assert_true(one.done && one.id >= OBJECT_ID_CHOSEN);
	return one.id;
}

static bool put(int64_t id, const char *text)
{
	struct object_change one = {.id = id, .text = slice_of(text)};
	ok(object_change(t.alice, OBJECT_IDENTITY, &one, 1, &t.error));
	return one.done;
}

static bool destroy(int64_t id)
{
	struct object_change one = {.id = id, .destroy = true};
	ok(object_change(t.alice, OBJECT_IDENTITY, &one, 1, &t.error));
	return one.done;
}

static int64_t state(void)
{
	int64_t state;
	ok(object_state(t.alice, OBJECT_IDENTITY, &state, &t.error));
	return state;
}

static struct changes changes_since(struct changes_point since, size_t max)
{
	struct changes changes;
	ok(object_changes(t.alice, OBJECT_IDENTITY, &since, max, t.arena, &changes, &t.error));
	return changes;
}

static void they_are_kept(void **unused)
{
	(void)unused;
	struct object *list, one;
	size_t count;
	int64_t before = state(), first = make("{\"a\":1}", 7), second = make("b", 0), at;
	assert_true(state() > before && second > first);
	fixture_reopen();
	ok(object_list(t.alice, OBJECT_IDENTITY, t.arena, &list, &count, &at, &t.error));
	assert_int_equal(count, 2);
	assert_int_equal(at, state());
	assert_true(list[0].id == first && slice_equal(list[0].text, SLICE("{\"a\":1}")) && list[0].created > 0);
	ok(object_find(t.alice, OBJECT_IDENTITY, 7, t.arena, &one, &t.error));
	assert_int_equal(one.id, first);
	refused(ERROR_NOT_FOUND, object_find(t.alice, OBJECT_SUBMISSION, 7, t.arena, &one, &t.error));
	refused(ERROR_NOT_FOUND, object_find(t.alice, OBJECT_IDENTITY, 0, t.arena, &one, &t.error));
	assert_true(put(second, "c"));
	ok(object_get(t.alice, OBJECT_IDENTITY, second, t.arena, &one, &t.error));
	assert_true(slice_equal(one.text, SLICE("c")));
	at = state();
	assert_false(put(second + 12345, "d") || destroy(second + 12345));
	assert_int_equal(state(), at);
	assert_true(destroy(first));
	refused(ERROR_NOT_FOUND, object_get(t.alice, OBJECT_IDENTITY, first, t.arena, &one, &t.error));
	assert_true(put(1, "chosen") && put(1, "again"));
	assert_int_equal(fsck(false), 0);
}

static void changes_are_told(void **unused)
{
	(void)unused;
	int64_t old = make("a", 0), gone = make("b", 0);
	struct changes_point since = {.since = state()};
	int64_t new = make("c", 0), fleeting = make("d", 0);
	put(old, "e");
	destroy(gone);
	destroy(fleeting);
	struct changes changes = changes_since(since, 100);
	assert_true(changes.known && !changes.more);
	assert_true(changes.created_count == 1 && changes.created[0] == new);
	assert_true(changes.updated_count == 1 && changes.updated[0] == old);
	assert_true(changes.destroyed_count == 1 && changes.destroyed[0] == gone);
	assert_int_equal(changes.point.since, state());
	changes = changes_since(changes.point, 100);
	assert_true(changes.created_count + changes.updated_count + changes.destroyed_count == 0);
	assert_false(changes_since((struct changes_point){.since = state() + 1}, 100).known);
}

/* Also of those that are all of one transaction, one by one, while more changes. */
static void in_steps_nothing_is_missed(void **unused)
{
	(void)unused;
	struct changes_point point = {.since = state()};
	struct object_change three[3] = {{.text = SLICE("a")}, {.text = SLICE("b")}, {.text = SLICE("c")}};
	ok(object_change(t.alice, OBJECT_IDENTITY, three, 3, &t.error));
	bool told[3] = {false}, more = true;
	int late = 0;
	for (int step = 0; more && step < 10; step++) {
		struct changes changes = changes_since(point, 1);
		assert_true(changes.known && changes.created_count + changes.updated_count <= 1 && changes.destroyed_count == 0);
		for (int i = 0; i < 3; i++)
			if (changes.created_count > 0 && changes.created[0] == three[i].id) {
				assert_false(told[i]);
				told[i] = true;
			}
		late += changes.updated_count > 0 && changes.updated[0] == three[2].id;
		if (step == 0)
			put(three[2].id, "changed");
		point = changes.point;
		more = changes.more;
	}
	assert_true(told[0] && told[1] && told[2] && !more);
	assert_int_equal(late, 1);
	assert_int_equal(point.since, state());
}

static bool append_mark(void *context, const struct object *object, struct arena *arena, struct slice *text)
{
	*text = arena_printf(arena, "%.*s%s", SLICE_ARG(object->text), (const char *)context);
	return ((const char *)context)[0] != '\0';
}

static void one_is_edited(void **unused)
{
	(void)unused;
	struct object one;
	make("a", 5);
	ok(object_edit(t.alice, OBJECT_IDENTITY, 5, append_mark, "b", &t.error));
	int64_t at = state();
	ok(object_edit(t.alice, OBJECT_IDENTITY, 5, append_mark, "", &t.error));
	assert_int_equal(state(), at);
	ok(object_find(t.alice, OBJECT_IDENTITY, 5, t.arena, &one, &t.error));
	assert_true(slice_equal(one.text, SLICE("ab")));
	refused(ERROR_NOT_FOUND, object_edit(t.alice, OBJECT_IDENTITY, 6, append_mark, "b", &t.error));
}

static bool claim(const char *sender, int64_t message, int64_t since)
{
	bool claimed;
	ok(vacation_claim(t.alice, slice_of(sender), message, since, &claimed, &t.error));
	return claimed;
}

static void everybody_is_told_once(void **unused)
{
	(void)unused;
	int64_t now = (int64_t)time(NULL);
	assert_true(claim("bob@x", 1, now - 100) && claim("carol@x", 1, now - 100));
	assert_true(claim("bob@x", 1, now - 100)); /* the same letter again */
	assert_false(claim("bob@x", 2, now - 100));
	fixture_reopen();
	assert_false(claim("bob@x", 2, now - 100));
	assert_true(claim("bob@x", 2, now + 100)); /* long after */
	ok(vacation_keep(t.alice, SLICE("{}"), true, &t.error));
	assert_true(claim("bob@x", 3, now - 100)); /* something else is said */
}

static void who_says_nothing_costs_nothing(void **unused)
{
	(void)unused;
	struct slice text;
	assert_false(store_has_vacation(t.store, ALICE));
	refused(ERROR_NOT_FOUND, vacation_find(t.alice, t.arena, &text, &t.error));
	ok(vacation_keep(t.alice, SLICE("{}"), true, &t.error));
	assert_true(store_has_vacation(t.store, ALICE));
	ok(vacation_find(t.alice, t.arena, &text, &t.error));
	assert_true(slice_equal(text, SLICE("{}")));
	ok(vacation_keep(t.alice, SLICE("{\"isEnabled\":false}"), false, &t.error));
	assert_false(store_has_vacation(t.store, ALICE));
	assert_false(store_has_vacation(t.store, BOB));
}

static void who_is_told_of_nothing_costs_nothing(void **unused)
{
	(void)unused;
	struct object_change one = {.text = SLICE("{}")};
	assert_false(store_has_push(t.store, ALICE));
	ok(push_change(t.alice, &one, 1, &t.error));
	assert_true(one.done && store_has_push(t.store, ALICE) && !store_has_push(t.store, BOB));
	push_forget(t.alice);
	assert_true(store_has_push(t.store, ALICE)); /* there is one still */
	struct object_change gone = {.id = one.id, .destroy = true};
	ok(push_change(t.alice, &gone, 1, &t.error));
	assert_true(gone.done);
	push_forget(t.alice);
	assert_false(store_has_push(t.store, ALICE));
}

static bool append_x(void *context, const struct object *object, struct arena *arena, struct slice *text)
{
	(void)context;
	*text = arena_printf(arena, "%.*sx", SLICE_ARG(object->text));
	return true;
}

/* What is on its way becomes what it is to be, with what was noted of it meanwhile, and once. */
static void one_becomes_another(void **unused)
{
	(void)unused;
	struct object_change one = {.text = SLICE("a"), .reference = 7};
	struct object object;
	int64_t id, again;
	ok(object_change(t.alice, OBJECT_SENDING, &one, 1, &t.error));
	ok(object_edit_either(t.alice, OBJECT_SUBMISSION, OBJECT_SENDING, 7, append_x, NULL, &t.error));
	ok(object_move(t.alice, OBJECT_SENDING, OBJECT_SUBMISSION, 7, &id, &t.error));
	refused(ERROR_NOT_FOUND, object_find(t.alice, OBJECT_SENDING, 7, t.arena, &object, &t.error));
	ok(object_edit_either(t.alice, OBJECT_SUBMISSION, OBJECT_SENDING, 7, append_x, NULL, &t.error));
	ok(object_get(t.alice, OBJECT_SUBMISSION, id, t.arena, &object, &t.error));
	assert_true(slice_equal(object.text, SLICE("axx")) && object.reference == 7);
	ok(object_move(t.alice, OBJECT_SENDING, OBJECT_SUBMISSION, 7, &again, &t.error));
	assert_int_equal(again, id);
	refused(ERROR_NOT_FOUND, object_move(t.alice, OBJECT_SENDING, OBJECT_SUBMISSION, 8, &again, &t.error));
	refused(ERROR_NOT_FOUND, object_edit_either(t.alice, OBJECT_SUBMISSION, OBJECT_SENDING, 8, append_x, NULL, &t.error));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(they_are_kept), STORE_TEST(changes_are_told), STORE_TEST(in_steps_nothing_is_missed), STORE_TEST(one_is_edited), STORE_TEST(everybody_is_told_once),
		STORE_TEST(who_says_nothing_costs_nothing), STORE_TEST(who_is_told_of_nothing_costs_nothing), STORE_TEST(one_becomes_another),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
