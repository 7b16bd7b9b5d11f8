/* Questions of the command line that go to all roles: "metrics" (measure.h), "sessions" and "end …" (sessions.h), "certificates" and
 * "renew …" (role_acme.c). The roles are asked at
 * the same time, one question after the other, and the master goes on with its work until the last has answered; a role that doesn't
 * in time is left out, and named, so that one that hangs can't hide the others. */
#include "base/clock.h"
#include "base/log.h"
#include "main/master.h"

enum { ANSWER_WAIT_MS = 3000 };

bool master_is_question(struct slice line)
{
	return slice_equal(line, SLICE("metrics")) || slice_equal(line, SLICE("sessions")) || slice_starts(line, SLICE("end ")) ||
	       slice_equal(line, SLICE("certificates")) || slice_starts(line, SLICE("renew"));
}

static bool under_way(const struct master *master)
{
	for (int i = 0; i < ROLE_COUNT; i++)
		if (master->children[i].asked)
			return true;
	return false;
}

void master_ask(struct master *master, struct slice question)
{
	snprintf(master->question, sizeof master->question, "%.*s", SLICE_ARG(question));
	for (int i = 0; i < ROLE_COUNT; i++) {
		struct master_child *child = &master->children[i];
		struct error error;
		buf_free(&child->answer);
		child->answer = BUF(CONTROL_ANSWER_MAX);
		child->silent = false;
		child->asked = child->ready && !child->stopping && child->control >= 0 &&
			       control_send(child->control, CONTROL_ASK, 0, master->question, -1, &error);
	}
	master->question_deadline = clock_monotonic_ms() + ANSWER_WAIT_MS;
}

void master_hear_answer(struct master *master, enum role_name name, const struct control_message *message)
{
	struct master_child *child = &master->children[name];
	if (!child->asked) /* late, or not asked for */
		return;
	buf_append_text(&child->answer, message->text);
	child->asked = message->value == 0;
}

bool master_has_answers(struct master *master)
{
	bool late = clock_monotonic_ms() >= master->question_deadline;
	for (int i = 0; late && i < ROLE_COUNT; i++)
		if (master->children[i].asked) {
			log_warning("role.silent", log_text("name", role_names[i]), log_text("question", master->question));
			master->children[i].asked = false;
			master->children[i].silent = true;
			buf_clear(&master->children[i].answer);
		}
	return !under_way(master);
}

void master_say_answers(struct master *master, struct buf *answer)
{
	if (slice_equal(slice_of(master->question), SLICE("metrics"))) {
		master_say_metrics(master, answer);
		return;
	}
	for (int i = 0; i < ROLE_COUNT; i++) {
		buf_append(answer, buf_slice(&master->children[i].answer));
		if (master->children[i].silent)
			buf_printf(answer, "silent\t%s\n", role_names[i]);
	}
}

void master_end_question(struct master *master)
{
	master->question[0] = '\0';
	for (int i = 0; i < ROLE_COUNT; i++)
		buf_free(&master->children[i].answer);
}
