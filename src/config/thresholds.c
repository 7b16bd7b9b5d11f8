/* Thresholds of points; see thresholds.h. */
#include "config/thresholds.h"

#include <stdio.h>

static int points_of(const char *option)
{
	int points;
	return config_parse_points(slice_of(option), &points) ? points : THRESHOLD_NEVER; /* it was checked when it was read */
}

struct config_thresholds config_thresholds_of(const struct config *config)
{
	return (struct config_thresholds){points_of(config->spam_tag), points_of(config->spam_junk), points_of(config->spam_quarantine), points_of(config->spam_reject)};
}

static int over(int own, int other) { return own == THRESHOLD_CONFIGURED ? other : own; }

struct config_thresholds config_thresholds_over(struct config_thresholds own, struct config_thresholds others)
{
	return (struct config_thresholds){over(own.tag, others.tag), over(own.junk, others.junk), over(own.quarantine, others.quarantine), over(own.reject, others.reject)};
}

bool config_thresholds_are_same(struct config_thresholds a, struct config_thresholds b)
{
	return a.tag == b.tag && a.junk == b.junk && a.quarantine == b.quarantine && a.reject == b.reject;
}

static int lower(int a, int b) { return a < b ? a : b; }
static int higher(int a, int b) { return a > b ? a : b; }

int config_thresholds_shut(struct config_thresholds thresholds) { return lower(thresholds.quarantine, thresholds.reject); }

struct config_thresholds config_thresholds_join(const struct config *config, struct config_thresholds a, struct config_thresholds b)
{
	if (config_thresholds_are_same(a, b))
		return a;
	struct config_thresholds configured = config_thresholds_of(config);
	a = config_thresholds_over(a, configured);
	b = config_thresholds_over(b, configured);
	return (struct config_thresholds){.tag = lower(a.tag, b.tag), .junk = higher(a.junk, b.junk),
		.quarantine = higher(config_thresholds_shut(a), config_thresholds_shut(b)), .reject = higher(a.reject, b.reject)};
}

void config_threshold_put(struct buf *datagram, int threshold)
{
	wire_put_number(datagram, (uint64_t)((int64_t)threshold + THRESHOLD_NEVER));
}

void config_thresholds_put(struct buf *datagram, struct config_thresholds thresholds)
{
	config_threshold_put(datagram, thresholds.tag);
	config_threshold_put(datagram, thresholds.junk);
	config_threshold_put(datagram, thresholds.quarantine);
	config_threshold_put(datagram, thresholds.reject);
}

int config_threshold_read(struct wire_reader *reader)
{
	int threshold = (int)((int64_t)wire_number(reader, 2 * (uint64_t)THRESHOLD_NEVER) - THRESHOLD_NEVER);
	if (threshold >= -THRESHOLD_MOST && (threshold <= THRESHOLD_MOST || threshold == THRESHOLD_NEVER))
		return threshold;
	*reader = (struct wire_reader){.broken = true};
	return THRESHOLD_CONFIGURED;
}

struct config_thresholds config_thresholds_read(struct wire_reader *reader)
{
	struct config_thresholds thresholds;
	thresholds.tag = config_threshold_read(reader);
	thresholds.junk = config_threshold_read(reader);
	thresholds.quarantine = config_threshold_read(reader);
	thresholds.reject = config_threshold_read(reader);
	return thresholds;
}

static int format_one(int threshold, char *out, size_t room)
{
	if (threshold == THRESHOLD_CONFIGURED || threshold == THRESHOLD_NEVER)
		return snprintf(out, room, "%s", threshold == THRESHOLD_NEVER ? "off" : "-");
	int size = threshold < 0 ? -threshold : threshold;
	return snprintf(out, room, "%s%d.%02d", threshold < 0 ? "-" : "", size / 100, size % 100);
}

void config_thresholds_format(struct config_thresholds thresholds, char out[THRESHOLDS_TEXT_MAX])
{
	const int list[] = {thresholds.tag, thresholds.junk, thresholds.quarantine, thresholds.reject};
	size_t len = 0;
	for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
		if (i > 0)
			out[len++] = ' ';
		len += (size_t)format_one(list[i], out + len, THRESHOLDS_TEXT_MAX - len);
	}
}

static bool parse_one(struct slice word, int *threshold)
{
	bool off = slice_equal(word, SLICE("off"));
	*threshold = off ? THRESHOLD_NEVER : THRESHOLD_CONFIGURED;
	return off || slice_equal(word, SLICE("-")) || config_parse_points(word, threshold);
}

bool config_thresholds_parse(struct slice text, struct config_thresholds *thresholds)
{
	int *const list[] = {&thresholds->tag, &thresholds->junk, &thresholds->quarantine, &thresholds->reject};
	bool good = true;
	struct slice word;
	for (size_t i = 0; good && i < sizeof list / sizeof *list; i++) {
		slice_cut(text, ' ', &word, &text);
		good = parse_one(word, list[i]);
	}
	return good && text.len == 0;
}
