/* pombal certificate: those that the server got by itself (ACME), how they stand, and getting them anew. */
#include <unistd.h>

#include "base/clock.h"
#include "cli/commands.h"
#include "cli/own_certificates.h"

enum { WAIT_SECONDS = 600, LOOK_MICROSECONDS = 200000, DAY_SECONDS = 86400 };

/* ---- Listing ---- */

static void write_digest(const unsigned char digest[ACME_DIGEST_SIZE], char out[2 * ACME_DIGEST_SIZE + 1])
{
	for (size_t i = 0; i < ACME_DIGEST_SIZE; i++)
		snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

static json_t *json_of_names(const struct acme_certificate *certificate)
{
	json_t *list = json_array();
	for (size_t i = 0; i < certificate->name_count; i++)
		json_array_append_new(list, cli_json_of_slice(certificate->names[i]));
	return list;
}

static json_t *json_of(const void *at)
{
	const struct cli_own_certificate *own = at;
	char key[2 * ACME_DIGEST_SIZE + 1] = "", next[2 * ACME_DIGEST_SIZE + 1] = "";
	if (own->there)
		write_digest(own->certificate.digest, key);
	if (own->has_next)
		write_digest(own->next, next);
	return json_pack("{s:o, s:b, s:I, s:I, s:o, s:s, s:s, s:o, s:I, s:I, s:o}", "certificate", cli_json_of_slice(own->id), "there", own->there, "begins",
			 (json_int_t)own->certificate.begins, "ends", (json_int_t)own->certificate.ends, "names", json_of_names(&own->certificate), "key", key, "next_key", next, "state",
			 cli_json_of_slice(own->state), "due", (json_int_t)own->due, "failures", (json_int_t)own->failures, "why", cli_json_of_slice(own->why));
}

static void print_dates(const struct cli_own_certificate *own)
{
	char ends[32];
	if (!own->there) {
		printf("none yet\n");
		return;
	}
	printf("until %s, %lld days\n  for", cli_time_text(own->certificate.ends, ends), (long long)((own->certificate.ends - clock_now()) / DAY_SECONDS));
	for (size_t i = 0; i < own->certificate.name_count; i++)
		printf(" %.*s", SLICE_ARG(own->certificate.names[i]));
	putchar('\n');
}

static void print_state(const struct cli_own_certificate *own)
{
	char due[32];
	cli_time_text(own->due, due);
	if (slice_equal(own->state, SLICE("working")))
		printf("  being got now\n");
	else if (own->failures > 0)
		printf("  failed %llu time%s, is tried again at %s\n", (unsigned long long)own->failures, own->failures == 1 ? "" : "s", due);
	else if (own->due > 0)
		printf("  is renewed at %s\n", due);
	else if (slice_equal(own->state, SLICE("left")))
		printf("  none of its names leads here\n");
	if (own->why.len > 0) {
		printf("  ");
		cli_print_safe(own->why);
		putchar('\n');
	}
}

static void print(const void *at)
{
	const struct cli_own_certificate *own = at;
	printf("%.*s  ", SLICE_ARG(own->id));
	print_dates(own);
	print_state(own);
}

static const struct command_shape shape = {sizeof(struct cli_own_certificate), json_of, print,
					    "no certificate was got, or is being got, by the server itself (option acme)"};

static int run_list(struct command_line *line)
{
	struct cli_own_certificate *list;
	size_t count;
	if (!instance_enter(line))
		return COMMAND_FAILED;
	cli_own_certificates(line, &list, &count);
	command_print_list(line, &shape, list, count);
	config_free_all();
	return COMMAND_DONE;
}

/* ---- Renewing ---- */

static bool ask(struct command_line *line, struct slice id, struct error *error)
{
	struct buf answer = BUF(4096);
	const char *request = arena_printf(line->arena, "renew %d%s%.*s", command_value(line, "new-key") != NULL, id.len > 0 ? " " : "", SLICE_ARG(id)).at;
	bool done = instance_ask(line, request, &answer, error);
	if (done && slice_find(buf_slice(&answer), SLICE("renewing\t1")) == SLICE_NONE)
		done = error_set(error, ERROR_NOT_FOUND, id.len > 0 ? "there is no such certificate: `pombal certificate list` shows those that there may be"
								    : "the server gets no certificates (options acme, http_listen, https_listen)");
	buf_free(&answer);
	return done;
}

/* Is it one that was asked for, and under way? */
static bool is_under_way(const struct cli_own_certificate *own, struct slice id)
{
	return (id.len == 0 || slice_equal_nocase(own->id, id)) && slice_equal(own->state, SLICE("working"));
}

static void wait_for_end(struct command_line *line, struct slice id)
{
	struct cli_own_certificate *list;
	size_t count;
	bool going = true;
	for (int64_t end = clock_monotonic_ms() + WAIT_SECONDS * 1000; going && clock_monotonic_ms() < end;) {
		usleep(LOOK_MICROSECONDS);
		going = false;
		cli_own_certificates(line, &list, &count);
		for (size_t i = 0; i < count; i++)
			going |= is_under_way(&list[i], id);
	}
}

static int say_end(struct command_line *line, struct slice id)
{
	struct cli_own_certificate *list;
	size_t count;
	int status = COMMAND_DONE;
	cli_own_certificates(line, &list, &count);
	for (size_t i = 0; i < count; i++) {
		if (id.len > 0 && !slice_equal_nocase(list[i].id, id))
			continue;
		if (list[i].failures > 0)
			status = command_fail(line, "%.*s: %.*s", SLICE_ARG(list[i].id), SLICE_ARG(list[i].why));
		else if (is_under_way(&list[i], id))
			status = command_fail(line, "%.*s is under way still", SLICE_ARG(list[i].id));
		else
			command_print_entry(line, &shape, &list[i]);
	}
	return status;
}

static int run_renew(struct command_line *line)
{
	struct error error;
	struct slice id = command_argument(line, 0);
	if (!instance_enter(line))
		return COMMAND_FAILED;
	int status = COMMAND_DONE;
	if (!ask(line, id, &error))
		status = command_fail_with(line, &error);
	else {
		instance_note(line, "admin.certificate_renewed", log_slice("certificate", id));
		wait_for_end(line, id);
		status = say_end(line, id);
	}
	config_free_all();
	return status;
}

static const struct command_option renew_options[] = {
	{"new-key", NULL, "with the key that is kept ready, which `pombal domain dns` publishes beside the present one (TLSA)"},
	{0},
};

const struct command cli_certificate_commands[] = {
	{"certificate list", "", "Lists the certificates that the server gets by itself (option acme): until when, for which names, when each is renewed, and what failed.",
	 run_list, NULL, 0, 0, COMMAND_JSON, ADMIN_READS},
	{"certificate renew", "[NAME]", "Gets one anew at once, or all, and says what became of it.", run_renew, renew_options, 0, 1, COMMAND_JSON, ADMIN_CHANGES},
	{0},
};
