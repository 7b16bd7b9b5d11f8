/* The examples from which the fuzzers of questions and answers begin are read as what their names say: such of a former form would be refused at their
 * first bytes, and the fuzzers would meet little of what is behind those. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/file.h"
#include "policy/gate.h"

enum { SEED_MAX = 64 * 1024 };

static const char *corpus;

struct kind {
	const char *folder, *begins;
	bool (*is_one)(struct slice text);
};

static bool is_question(struct slice text)
{
	struct policy_question question;
	return policy_question_decode(text, &question);
}

static bool is_answer(struct slice text)
{
	struct policy_answer answer;
	return policy_answer_decode(text, &answer);
}

static bool is_gate_question(struct slice text)
{
	struct policy_gate_question question;
	return policy_gate_question_decode(text, &question);
}

static bool is_gate_answer(struct slice text)
{
	struct policy_gate_answer answer;
	return policy_gate_answer_decode(text, &answer);
}

static void must_be_one(const struct kind *kind, const char *name)
{
	char path[4096];
	struct error error;
	struct buf seed = BUF(SEED_MAX);
	snprintf(path, sizeof path, "%s/%s/%s", corpus, kind->folder, name);
	assert_true(file_read(path, &seed, &error));
	if (!kind->is_one(buf_slice(&seed)))
		fail_msg("%s is none", path);
	buf_free(&seed);
}

static int count_those_of(const struct kind *kind)
{
	char path[4096];
	int count = 0;
	snprintf(path, sizeof path, "%s/%s", corpus, kind->folder);
	DIR *folder = opendir(path);
	assert_non_null(folder);
	for (struct dirent *entry; (entry = readdir(folder));)
		if (slice_starts(slice_of(entry->d_name), slice_of(kind->begins))) {
			must_be_one(kind, entry->d_name);
			count++;
		}
	closedir(folder);
	return count;
}

static void test_seeds_are_what_they_are_called(void **state)
{
	static const struct kind kinds[] = {
		{"judge_fuzz", "question", is_question}, {"judge_fuzz", "answer", is_answer},
		{"gate_fuzz", "question", is_gate_question}, {"gate_fuzz", "answer", is_gate_answer},
	};
	(void)state;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		assert_true(count_those_of(&kinds[i]) > 2);
}

int main(int count, char **arguments)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_seeds_are_what_they_are_called)};
	corpus = count > 1 ? arguments[1] : "corpus";
	return cmocka_run_group_tests(tests, NULL, NULL);
}
