/* The client as a program, for tests with real and faulty servers (tests/e2e/test_s3.py):
 *
 *   s3_tool ENDPOINT BUCKET CREDENTIALS put KEY < CONTENT | get KEY FROM COUNT | size KEY | remove KEY… | list PREFIX | give-up PREFIX BEFORE
 *
 * The environment may have S3_TRUSTED, S3_REGION, S3_VIRTUAL_HOST, S3_PATIENCE, S3_TRIES. What went wrong is said on standard error, after the number
 * of its kind (enum error_kind), which is the exit status, too. */
#include <signal.h>
#include <unistd.h>

#include "base/file.h"
#include "s3/s3.h"

enum { CONTENT_MAX = 64 * 1024 * 1024, KEYS_MAX = 2000 };

static uint64_t number(const char *text)
{
	uint64_t value = 0;
	slice_to_number(slice_of(text), INT64_MAX, &value);
	return value;
}

static bool put(struct s3 *s3, const char *key, struct error *error)
{
	struct buf content = BUF(CONTENT_MAX);
	ssize_t got;
	char *room;
	while ((room = buf_reserve(&content, 65536)) && (got = read(STDIN_FILENO, room, 65536)) > 0)
		buf_claim(&content, (size_t)got);
	bool done = s3_put(s3, slice_of(key), buf_slice(&content), error);
	buf_free(&content);
	return done;
}

static bool get(struct s3 *s3, const char *key, uint64_t from, size_t count, struct error *error)
{
	struct buf content = BUF(CONTENT_MAX);
	bool done = s3_get(s3, slice_of(key), from, count, &content, error) && file_write_all(STDOUT_FILENO, buf_slice(&content), error);
	buf_free(&content);
	return done;
}

static bool print(void *context, struct slice key, uint64_t size, struct error *error)
{
	(void)context, (void)error;
	printf("%llu %.*s\n", (unsigned long long)size, SLICE_ARG(key));
	return true;
}

static bool remove_all(struct s3 *s3, char **names, int count, struct error *error)
{
	static struct slice keys[KEYS_MAX];
	int i;
	for (i = 0; i < count && i < KEYS_MAX; i++)
		keys[i] = slice_of(names[i]);
	return s3_remove(s3, keys, (size_t)i, error);
}

static bool act(struct s3 *s3, int count, char **words, struct error *error)
{
	uint64_t size;
	size_t given_up = 0;
	if (count == 2 && strcmp(words[0], "put") == 0)
		return put(s3, words[1], error);
	if (count == 4 && strcmp(words[0], "get") == 0)
		return get(s3, words[1], number(words[2]), (size_t)number(words[3]), error);
	if (count == 2 && strcmp(words[0], "size") == 0)
		return s3_size(s3, slice_of(words[1]), &size, error) && printf("%llu\n", (unsigned long long)size) > 0;
	if (count >= 2 && strcmp(words[0], "remove") == 0)
		return remove_all(s3, words + 1, count - 1, error);
	if (count == 2 && strcmp(words[0], "list") == 0)
		return s3_list(s3, slice_of(words[1]), print, NULL, error);
	if (count == 3 && strcmp(words[0], "give-up") == 0)
		return s3_give_up(s3, slice_of(words[1]), (int64_t)number(words[2]), &given_up, error) && printf("%zu\n", given_up) > 0;
	return error_set(error, ERROR_INVALID, "unknown words");
}

static int setting(const char *name)
{
	return (int)number(getenv(name) ? getenv(name) : "0");
}

int main(int count, char **words)
{
	enum { PLACE_WORDS = 4 };
	struct error error = {.kind = ERROR_INVALID, .text = "too few words"};
	bool done = false;
	signal(SIGPIPE, SIG_IGN);
	if (count > PLACE_WORDS) {
		struct s3_place place = {.endpoint = words[1], .bucket = words[2], .credentials = words[3], .region = getenv("S3_REGION"), .trusted = getenv("S3_TRUSTED"),
					 .virtual_host = getenv("S3_VIRTUAL_HOST"), .patience_seconds = setting("S3_PATIENCE"), .tries = setting("S3_TRIES"),
					 .part = S3_PART_MIN, .pause_ms = 20};
		struct s3 *s3 = s3_open(&place, &error);
		done = s3 && act(s3, count - PLACE_WORDS, words + PLACE_WORDS, &error);
		s3_close(&s3);
	}
	if (!done)
		fprintf(stderr, "%d %s\n", (int)error.kind, error.text);
	return done ? 0 : (int)error.kind;
}
