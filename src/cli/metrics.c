/* pombal metrics: the numbers of the running server, in the text form that Prometheus reads (exposition format 0.0.4). What the
 * processes say (main/measure.h) is sorted into families by one table; every event, whether or not it has a family of its own, is
 * in pombal_events_total. Counters begin at 0 with each process, which Prometheus understands as a reset. */
#include "cli/commands.h"
#include "cli/instance.h"

enum { METRICS_TEXT_MAX = 256 * 1024, METRIC_LINES_MAX = 4096 };

/* "smtp value connections_open 3" */
struct measure {
	struct slice role, kind, name;
	uint64_t number;
};

/* One row makes one line per role that has the measure, with the labels given here beside the role's. */
struct metric {
	const char *family, *type, *help; /* NULL help: as the row before, another row of the same family */
	const char *kind, *name;          /* which measure */
	const char *label;                /* `outcome="done"`, or NULL */
	double scale;
};

static const struct metric metrics[] = {
	{"pombal_up", "gauge", "Is the process ready?", "value", "up", NULL, 1},
	{"pombal_start_time_seconds", "gauge", "When the process began, in seconds since 1970.", "value", "started", NULL, 1},
	{"pombal_restarts_total", "counter", "How often the role ended unbidden and was started again.", "value", "restarts", NULL, 1},
	{"pombal_memory_pss_bytes", "gauge", "Memory of the process (proportional set size: what is shared counts once in the sum).", "value", "pss_bytes", NULL, 1},
	{"pombal_cpu_seconds_total", "counter", "Processor time of the process.", "value", "cpu_milliseconds", NULL, 0.001},
	{"pombal_connections_accepted_total", "counter", "Connections that were accepted.", "value", "connections_accepted", NULL, 1},
	{"pombal_connections_refused_total", "counter", "Connections that were refused because there were too many.", "value", "connections_refused", NULL, 1},
	{"pombal_connections_open", "gauge", "Connections that are open.", "value", "connections_open", NULL, 1},
	{"pombal_workers", "gauge", "Threads for work that may wait.", "value", "workers", NULL, 1},
	{"pombal_workers_busy", "gauge", "Those that are at work.", "value", "workers_busy", NULL, 1},
	{"pombal_queue_messages", "gauge", "Messages in the queue.", "value", "queue_messages", NULL, 1},
	{"pombal_queue_recipients", "gauge", "Recipients in the queue.", "value", "queue_recipients", NULL, 1},
	{"pombal_messages_accepted_total", "counter", "Messages that were taken over SMTP, submission and LMTP.", "event", "message.accepted", NULL, 1},
	{"pombal_messages_refused_total", "counter", "Messages that were refused after their text was sent.", "event", "message.refused", NULL, 1},
	{"pombal_recipients_refused_total", "counter", "Recipients that were refused.", "event", "recipient.refused", NULL, 1},
	{"pombal_senders_refused_total", "counter", "Senders that were refused.", "event", "sender.refused", NULL, 1},
	{"pombal_deliveries_total", "counter", "What became of recipients, attempt by attempt.", "event", "delivery.done", "outcome=\"done\"", 1},
	{"pombal_deliveries_total", "counter", NULL, "event", "delivery.deferred", "outcome=\"deferred\"", 1},
	{"pombal_deliveries_total", "counter", NULL, "event", "delivery.failed", "outcome=\"failed\"", 1},
	{"pombal_reports_total", "counter", "Reports to senders that were queued.", "event", "report.queued", NULL, 1},
	{"pombal_sign_ins_total", "counter", "Attempts to sign in.", "event", "sign_in.done", "outcome=\"done\"", 1},
	{"pombal_sign_ins_total", "counter", NULL, "event", "sign_in.failed", "outcome=\"failed\"", 1},
	{"pombal_sign_ins_total", "counter", NULL, "event", "sign_in.throttled", "outcome=\"throttled\"", 1},
	{"pombal_push_accounts", "gauge", "Accounts with push subscriptions.", "value", "push_accounts", NULL, 1},
	{"pombal_push_messages_total", "counter", "Messages to push services.", "event", "push.sent", "outcome=\"sent\"", 1},
	{"pombal_push_messages_total", "counter", NULL, "event", "push.failed", "outcome=\"failed\"", 1},
	{"pombal_tls_failures_total", "counter", "TLS handshakes with clients that failed.", "event", "tls.failed", NULL, 1},
};

/* Counters that must be there before their first event, or a rule about them has nothing to look at: in which role. */
static const struct {
	const char *event, *role;
} expected[] = {
	{"message.accepted", "smtp"}, {"message.refused", "smtp"}, {"recipient.refused", "smtp"}, {"sender.refused", "smtp"},
	{"delivery.done", "courier"}, {"delivery.deferred", "courier"}, {"delivery.failed", "courier"}, {"report.queued", "courier"},
	{"sign_in.done", "auth"}, {"sign_in.failed", "auth"}, {"sign_in.failed", "smtp"}, {"sign_in.failed", "reader"}, {"sign_in.throttled", "auth"},
	{"push.sent", "web"}, {"push.failed", "web"},
	{"tls.failed", "smtp"}, {"tls.failed", "reader"},
};

struct measures {
	struct measure *list;
	size_t count;
};

/* ---- Reading ---- */

static bool is_name(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (!ascii_is_digit(text.at[i]) && text.at[i] != '_' && text.at[i] != '.' && (text.at[i] < 'a' || text.at[i] > 'z'))
			return false;
	return text.len > 0;
}

static bool read_line(struct slice line, struct measure *measure)
{
	struct slice number;
	return slice_cut(line, ' ', &measure->role, &line) && slice_cut(line, ' ', &measure->kind, &line) && slice_cut(line, ' ', &measure->name, &number) &&
	       is_name(measure->role) && is_name(measure->kind) && is_name(measure->name) && slice_to_number(number, INT64_MAX, &measure->number);
}

static bool is(const struct measure *measure, const char *role, const char *kind, const char *name)
{
	return (!role || slice_equal(measure->role, slice_of(role))) && slice_equal(measure->kind, slice_of(kind)) && slice_equal(measure->name, slice_of(name));
}

/* A role that runs and has not yet written an event has written it 0 times. */
static void add_expected(struct measures *measures)
{
	size_t count = measures->count;
	for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
		bool up = false, there = false;
		for (size_t k = 0; k < count; k++) {
			up |= is(&measures->list[k], expected[i].role, "value", "cpu_milliseconds");
			there |= is(&measures->list[k], expected[i].role, "event", expected[i].event);
		}
		if (up && !there)
			measures->list[measures->count++] = (struct measure){slice_of(expected[i].role), SLICE("event"), slice_of(expected[i].event), 0};
	}
}

static void read_all(struct slice text, struct arena *arena, struct measures *measures)
{
	struct slice line;
	measures->count = 0;
	measures->list = arena_array(arena, METRIC_LINES_MAX + sizeof expected / sizeof *expected, sizeof *measures->list);
	while (measures->count < METRIC_LINES_MAX && slice_cut(text, '\n', &line, &text))
		measures->count += read_line(line, &measures->list[measures->count]);
	add_expected(measures);
}

/* ---- Showing ---- */

static void print_head(const char *family, const char *type, const char *help)
{
	printf("# HELP %s %s\n# TYPE %s %s\n", family, help, family, type);
}

static void print_metric(const struct metric *metric, const struct measures *measures)
{
	if (metric->help)
		print_head(metric->family, metric->type, metric->help);
	for (size_t i = 0; i < measures->count; i++) {
		const struct measure *measure = &measures->list[i];
		if (!is(measure, NULL, metric->kind, metric->name))
			continue;
		printf("%s{role=\"%.*s\"%s%s} ", metric->family, SLICE_ARG(measure->role), metric->label ? "," : "", metric->label ? metric->label : "");
		if (metric->scale < 1)
			printf("%.3f\n", (double)measure->number * metric->scale);
		else
			printf("%llu\n", (unsigned long long)measure->number);
	}
}

static void print_all(const struct measures *measures)
{
	print_head("pombal_info", "gauge", "Which version this is.");
	printf("pombal_info{version=\"" POMBAL_VERSION "\"} 1\n");
	for (size_t i = 0; i < sizeof metrics / sizeof *metrics; i++)
		print_metric(&metrics[i], measures);
	print_head("pombal_events_total", "counter", "How often each event of the log was written.");
	for (size_t i = 0; i < measures->count; i++) {
		const struct measure *measure = &measures->list[i];
		if (slice_equal(measure->kind, SLICE("event")))
			printf("pombal_events_total{role=\"%.*s\",event=\"%.*s\"} %llu\n", SLICE_ARG(measure->role), SLICE_ARG(measure->name),
			       (unsigned long long)measure->number);
	}
}

/* {"smtp": {"value": {"connections_open": 3, …}, "event": {"message.accepted": 1, …}}, …} */
static int print_json(const struct measures *measures)
{
	json_t *all = json_object();
	for (size_t i = 0; i < measures->count; i++) {
		const struct measure *measure = &measures->list[i];
		json_t *place = all;
		const struct slice path[] = {measure->role, measure->kind};
		for (size_t k = 0; k < 2; k++) {
			json_t *next = json_object_getn(place, path[k].at, path[k].len);
			if (!next)
				json_object_setn_new(place, path[k].at, path[k].len, next = json_object());
			place = next;
		}
		json_object_setn_new(place, measure->name.at, measure->name.len, json_integer((json_int_t)measure->number));
	}
	return command_print_json(all);
}

static int run(struct command_line *line)
{
	struct buf answer = BUF(METRICS_TEXT_MAX);
	struct error error;
	struct measures measures;
	if (!instance_become_owner(line))
		return COMMAND_FAILED;
	int status = instance_ask(line, "metrics", &answer, &error) ? COMMAND_DONE : command_fail_with(line, &error);
	if (status == COMMAND_DONE) {
		read_all(buf_slice(&answer), line->arena, &measures);
		if (line->json)
			print_json(&measures);
		else
			print_all(&measures);
	}
	buf_free(&answer);
	return status;
}

const struct command cli_metrics_commands[] = {
	{"metrics", "", "Shows the running server's counters in the form that Prometheus reads.", run, NULL, 0, 0, COMMAND_JSON, ADMIN_READS},
	{0},
};
