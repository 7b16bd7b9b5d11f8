/* Unit tests of slices, buffers, arenas, maps, ids, counted events, threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/base64.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/map.h"
#include "base/random.h"
#include "base/ranges.h"
#include "base/threads.h"

static void numbers_stop_at_their_maximum(void **state)
{
	(void)state;
	uint64_t n;
	assert_true(slice_to_number(SLICE("18446744073709551615"), UINT64_MAX, &n));
	assert_true(n == UINT64_MAX);
	assert_false(slice_to_number(SLICE("18446744073709551616"), UINT64_MAX, &n));
	assert_false(slice_to_number(SLICE("11"), 10, &n));
	assert_true(slice_to_number(SLICE("5"), 7, &n));
	assert_false(slice_to_number(SLICE("8"), 7, &n));
	assert_false(slice_to_number(SLICE(""), 7, &n));
	assert_false(slice_to_number(SLICE("-1"), 7, &n));
}

static void slices_are_cut_and_found(void **state)
{
	(void)state;
	struct slice before, after;
	assert_true(slice_cut(SLICE("a@b@c"), '@', &before, &after));
	assert_true(slice_equal(before, SLICE("a")) && slice_equal(after, SLICE("b@c")));
	assert_false(slice_cut(SLICE("abc"), '@', &before, &after));
	assert_true(slice_equal(before, SLICE("abc")) && slice_empty(after));
	assert_int_equal(slice_find_nocase(SLICE("Subject: X"), SLICE("JECT")), 3);
	assert_true(slice_empty(slice_sub(SLICE("abc"), 4, 9)));
	assert_true(slice_equal(slice_trim(SLICE(" \r\n x y\t ")), SLICE("x y")));
}

static void utf8_is_strict(void **state)
{
	(void)state;
	assert_true(slice_is_utf8(SLICE("гугу 🐦")));
	assert_false(slice_is_utf8(SLICE("\xc0\x80")));         /* overlong NUL */
	assert_false(slice_is_utf8(SLICE("\xed\xa0\x80")));     /* surrogate */
	assert_false(slice_is_utf8(SLICE("\xf4\x90\x80\x80"))); /* beyond U+10FFFF */
	assert_false(slice_is_utf8(SLICE("\xd0")));
}

static void what_is_printable_is_ascii(void **state)
{
	(void)state;
	assert_true(slice_is_printable(SLICE(" a~")));
	assert_false(slice_is_printable(SLICE("a\tb")));
	assert_false(slice_is_printable(SLICE("a\x7f")));
	assert_false(slice_is_printable(SLICE("\xd0\xb0")));
}

static void a_buffer_keeps_its_maximum(void **state)
{
	(void)state;
	struct buf buf = BUF(5);
	assert_true(buf_append(&buf, SLICE("abc")));
	assert_false(buf_append(&buf, SLICE("def")));
	assert_false(buf_append(&buf, SLICE("d"))); /* refused from then on */
	assert_true(slice_equal(buf_slice(&buf), SLICE("abc")));
	buf_clear(&buf);
	assert_true(buf_printf(&buf, "%d", 12345));
	buf_consume(&buf, 2);
	assert_true(slice_equal(buf_slice(&buf), SLICE("345")));
	buf_free(&buf);
}

static void an_arena_gives_zeroed_memory_again(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	for (int round = 0; round < 3; round++) {
		for (size_t size = 0; size < 1000; size++) {
			char *at = arena_alloc(arena, size);
			for (size_t i = 0; i < size; i++)
				assert_int_equal(at[i], 0);
			memset(at, 'x', size);
		}
		arena_reset(arena);
	}
	assert_true(slice_equal(arena_printf(arena, "%s-%d", "a", 7), SLICE("a-7")));
	arena_free(&arena);
	assert_null(arena);
}

/* The hash of one text in a process of its own; this program says it when it is called with a word. */
static uint64_t hash_elsewhere(void)
{
	int ends[2];
	uint64_t hash = 0;
	assert_int_equal(pipe(ends), 0);
	pid_t pid = fork();
	if (pid == 0) {
		dup2(ends[1], STDOUT_FILENO);
		execl("/proc/self/exe", "base_test", "hash", (char *)NULL);
		_exit(1);
	}
	close(ends[1]);
	assert_int_equal(read(ends[0], &hash, sizeof hash), (ssize_t)sizeof hash);
	close(ends[0]);
	waitpid(pid, NULL, 0);
	return hash;
}

/* Who could choose names that collide would have to know the key, which is another in each process. */
static void hashes_are_each_processs_own(void **state)
{
	(void)state;
	uint64_t here = map_hash(SLICE("name")), there = hash_elsewhere();
	assert_true(here != there);
	assert_true(hash_elsewhere() != there);
	assert_true(map_hash(SLICE("name")) == here);
}

static void a_map_survives_many_changes(void **state)
{
	(void)state;
	struct map *map = map_new();
	static char values[5000];
	char key[16];
	for (int i = 0; i < 5000; i++) {
		snprintf(key, sizeof key, "key %d", i);
		assert_null(map_put(map, slice_of(key), &values[i]));
	}
	for (int i = 0; i < 5000; i += 2) {
		snprintf(key, sizeof key, "key %d", i);
		assert_ptr_equal(map_remove(map, slice_of(key)), &values[i]);
	}
	assert_int_equal(map_count(map), 2500);
	for (int i = 0; i < 5000; i++) {
		snprintf(key, sizeof key, "key %d", i);
		assert_ptr_equal(map_get(map, slice_of(key)), i % 2 ? &values[i] : NULL);
	}
	map_free(&map);
}

static void ids_are_read_as_written(void **state)
{
	(void)state;
	char text[ID_TEXT_LEN + 1];
	int64_t id = id_new();
	assert_true(id > 0);
	id_format(id, text);
	assert_true(id_parse(slice_of(text)) == id);
	assert_int_equal(id_parse(SLICE("zzzzzzzzzzzzz")), 0);
	assert_int_equal(id_parse(SLICE("0")), 0);
}

enum { ID_MAKERS = 4, IDS_EACH = 20000 };
static int64_t made_ids[ID_MAKERS * IDS_EACH];

static void *make_ids(void *at)
{
	int64_t *ids = at;
	for (int i = 0; i < IDS_EACH; i++)
		ids[i] = id_new();
	return NULL;
}

static int compare_ids(const void *a, const void *b)
{
	const int64_t *left = a, *right = b;
	return (*left > *right) - (*left < *right);
}

static void no_id_is_given_twice(void **state)
{
	(void)state;
	pthread_t makers[ID_MAKERS];
	for (int i = 0; i < ID_MAKERS; i++)
		assert_int_equal(pthread_create(&makers[i], NULL, make_ids, made_ids + i * IDS_EACH), 0);
	for (int i = 0; i < ID_MAKERS; i++)
		pthread_join(makers[i], NULL);
	qsort(made_ids, ID_MAKERS * IDS_EACH, sizeof *made_ids, compare_ids);
	for (int i = 1; i < ID_MAKERS * IDS_EACH; i++)
		assert_true(made_ids[i - 1] < made_ids[i]);
}

static void find_count(void *context, const char *event, uint64_t count)
{
	if (strcmp(event, "test.happened") == 0)
		*(uint64_t *)context = count;
}

static void events_are_counted_by_name(void **state)
{
	(void)state;
	static const char same_name_elsewhere[] = "test.happened";
	uint64_t count = 0;
	log_set_role("test", LOG_LEVEL_ERROR);
	log_info("test.happened");
	log_write(LOG_LEVEL_DEBUG, same_name_elsewhere, LOG_FIELDS(log_number("n", 1)));
	log_info("test.happened_not");
	log_visit_counts(find_count, &count);
	assert_int_equal(count, 2);
}

static bool was_said(int fd, const char *what)
{
	static char text[256 * 1024];
	ssize_t got = read(fd, text, sizeof text);
	return got > 0 && slice_find(slice_make(text, (size_t)got), slice_of(what)) != SLICE_NONE;
}

/* In a process of its own, since names are never forgotten. */
static void more_names_than_places_are_said_aloud(void **state)
{
	(void)state;
	enum { NAMES = 600, SIZE = 24 };
	int ends[2], status;
	assert_int_equal(pipe(ends), 0);
	pid_t pid = fork();
	if (pid == 0) {
		static char names[NAMES][SIZE];
		log_set_role("test", LOG_LEVEL_ERROR + 1);
		log_set_file(ends[1]);
		for (int i = 0; i < NAMES; i++) {
			snprintf(names[i], SIZE, "test.name%d", i);
			log_write(LOG_LEVEL_DEBUG, names[i], LOG_FIELDS(log_number("n", i)));
		}
		_exit(0);
	}
	waitpid(pid, &status, 0);
	close(ends[1]);
	assert_true(was_said(ends[0], "level=error role=test event=log.too_many_names"));
	close(ends[0]);
}

static void what_comes_too_often_is_counted(void **state)
{
	static struct log_pace pace;
	uint64_t unsaid = 99, count = 0;
	(void)state;
	assert_true(log_is_due(&pace, "test.happened", &unsaid));
	assert_int_equal(unsaid, 0);
	for (int i = 0; i < 10; i++)
		assert_false(log_is_due(&pace, "test.happened", &unsaid));
	log_visit_counts(find_count, &count);
	assert_true(count >= 10);
	pace.due = 0;
	assert_true(log_is_due(&pace, "test.happened", &unsaid));
	assert_int_equal(unsaid, 10);
}

static void what_one_does_too_often_hides_nobody_elses(void **state)
{
	static struct log_paces paces;
	uint64_t unsaid = 0;
	int said = 0, others = 0;
	(void)state;
	for (int i = 0; i < 1000; i++)
		said += log_is_due_of(&paces, SLICE("192.0.2.1"), "test.happened", &unsaid);
	assert_true(said >= LOG_BURST && said < LOG_BURST + 10);
	for (int i = 2; i < 12; i++) {
		char who[20];
		snprintf(who, sizeof who, "192.0.2.%d", i);
		others += log_is_due_of(&paces, slice_of(who), "test.happened", &unsaid);
	}
	assert_true(others > 5); /* who shares the place of the first is unlucky */
}

static pthread_mutex_t crew_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_key_t leftovers;
static atomic_int cleared;

/* What a library keeps for each thread is cleared away when the thread has left its main function. */
static void clear_slowly(void *argument)
{
	(void)argument;
	usleep(20000);
	cleared++;
}

static void *come_and_go(void *argument)
{
	struct threads *crew = argument;
	pthread_setspecific(leftovers, crew);
	pthread_mutex_lock(&crew_lock);
	return threads_leave(crew, &crew_lock);
}

static void nothing_is_left_of_joined_threads(void **state)
{
	(void)state;
	enum { CREW = 20 };
	struct threads crew;
	threads_init(&crew);
	pthread_key_create(&leftovers, clear_slowly);
	pthread_mutex_lock(&crew_lock);
	for (int i = 0; i < CREW; i++)
		assert_true(threads_start(&crew, 128 * 1024, "crew", come_and_go, &crew));
	assert_int_equal(crew.running, CREW);
	threads_join(&crew, &crew_lock);
	assert_int_equal(crew.running, 0);
	assert_int_equal(cleared, CREW);
	pthread_mutex_unlock(&crew_lock);
	pthread_key_delete(leftovers);
	threads_free(&crew);
}

static void base64_is_strict(void **state)
{
	(void)state;
	struct buf out = BUF(100);
	assert_true(base64_decode(SLICE(""), &out) && out.len == 0);
	assert_true(base64_decode(SLICE("AGFsaWNlAHNlY3JldA=="), &out));
	assert_true(slice_equal(buf_slice(&out), SLICE("\0alice\0secret")));
	const char *const wrong[] = {"A", "AA", "AAA", "A===", "====", "AA=A", "AA==AAAA", "AAAA\n", "AA A", "AA-_", "=AAA"};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		buf_clear(&out);
		assert_false(base64_decode(slice_of(wrong[i]), &out));
	}
	buf_clear(&out);
	for (size_t len = 0; len <= 4; len++)
		base64_encode(slice_sub(SLICE("\xff\0\xfe\x80"), 0, len), &out);
	assert_string_equal(out.at, "/w==/wA=/wD+/wD+gA==");
	struct buf small = BUF(2);
	assert_false(base64_decode(SLICE("AAAA"), &small));
	buf_free(&small);
	buf_free(&out);
}

static void hexadecimal_digits_have_values(void **state)
{
	(void)state;
	assert_int_equal(ascii_hex_value('f'), 15);
	assert_int_equal(ascii_hex_value('A'), 10);
	assert_int_equal(ascii_upper_hex_value('F'), 15);
	assert_int_equal(ascii_upper_hex_value('f'), -1);
	for (int c = -128; c < 128; c++)
		if (c < '0' || (c > '9' && c < 'A') || (c > 'F' && c < 'a') || c > 'f')
			assert_int_equal(ascii_hex_value((char)c), -1);
}

static void numbers_are_ranges(void **state)
{
	(void)state;
	struct range some[] = {{1, 3}, {7, 7}, {4294967294, 4294967295}};
	const struct ranges ranges = {some, 3};
	struct ranges_cursor cursor = {0};
	uint32_t number;
	size_t count = 0;
	assert_int_equal(ranges_size(&ranges), 6);
	assert_true(ranges_contain(&ranges, 3) && ranges_contain(&ranges, 4294967295) && !ranges_contain(&ranges, 4) && !ranges_contain(&ranges, 0));
	for (; ranges_next(&ranges, &cursor, &number); count++)
		assert_true(ranges_contain(&ranges, number));
	assert_int_equal(count, 6);
}

static void arrays_grow(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	uint32_t *heap = NULL, *kept = NULL;
	size_t heap_room = 0, kept_room = 0;
	for (uint32_t i = 0; i < 1000; i++) {
		ARRAY_GROW(heap, i, heap_room);
		ARENA_GROW(arena, kept, i, kept_room);
		assert_int_equal(kept[i], 0);
		heap[i] = kept[i] = i;
	}
	assert_int_equal(heap_room, 1024);
	for (uint32_t i = 0; i < 1000; i++)
		assert_true(heap[i] == i && kept[i] == i);
	free(heap);
	arena_free(&arena);
}

int main(int count, char **words)
{
	(void)words;
	if (count > 1) {
		uint64_t hash = map_hash(SLICE("name"));
		return write(STDOUT_FILENO, &hash, sizeof hash) == (ssize_t)sizeof hash ? 0 : 1;
	}
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_stop_at_their_maximum),
		cmocka_unit_test(slices_are_cut_and_found),
		cmocka_unit_test(utf8_is_strict),
		cmocka_unit_test(what_is_printable_is_ascii),
		cmocka_unit_test(a_buffer_keeps_its_maximum),
		cmocka_unit_test(an_arena_gives_zeroed_memory_again),
		cmocka_unit_test(hashes_are_each_processs_own),
		cmocka_unit_test(a_map_survives_many_changes),
		cmocka_unit_test(ids_are_read_as_written),
		cmocka_unit_test(no_id_is_given_twice),
		cmocka_unit_test(events_are_counted_by_name),
		cmocka_unit_test(more_names_than_places_are_said_aloud),
		cmocka_unit_test(what_comes_too_often_is_counted),
		cmocka_unit_test(what_one_does_too_often_hides_nobody_elses),
		cmocka_unit_test(nothing_is_left_of_joined_threads),
		cmocka_unit_test(base64_is_strict),
		cmocka_unit_test(hexadecimal_digits_have_values),
		cmocka_unit_test(numbers_are_ranges),
		cmocka_unit_test(arrays_grow),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
