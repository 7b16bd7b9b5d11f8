/* From how many points on a message is marked, junk, set apart, or refused: the server's options say it (spam_tag, spam_junk, spam_quarantine,
 * spam_reject), a domain may say otherwise for its accounts, and an account for itself; of each of the four by itself.
 *
 * A message has one answer for all whom it came for. So what is asked of a message for several is what all of them agree upon, and whoever would have
 * had it stricter gets his will when it is delivered to him. */
#ifndef CONFIG_THRESHOLDS_H
#define CONFIG_THRESHOLDS_H

#include "base/wire.h"
#include "config/config.h"

/** A threshold is hundredths of points, from 1 to THRESHOLD_MOST where an account or a domain has it; or one of these. */
enum {
	THRESHOLD_CONFIGURED = 0, /* nothing is said: what is further away counts, in the end the option */
	THRESHOLD_MOST = 99999,
	THRESHOLD_NEVER = 1000000001, /* more than any message has */
};
struct config_thresholds { int tag, junk, quarantine, reject; };

/** What the options say. */
struct config_thresholds config_thresholds_of(const struct config *config);
/** What `own` says, and where it says nothing, what `others` do. */
struct config_thresholds config_thresholds_over(struct config_thresholds own, struct config_thresholds others);
bool config_thresholds_are_same(struct config_thresholds a, struct config_thresholds b);
/** Of a message for both: it is refused if both refuse it, set apart if neither would let it in, junk if it is that for both, and marked if one of them
 * marks it. Where they differ the options' stand for what they don't say. */
struct config_thresholds config_thresholds_join(const struct config *config, struct config_thresholds a, struct config_thresholds b);
/** Of complete ones: from so many points on he who has them isn't to see the message. */
int config_thresholds_shut(struct config_thresholds thresholds);

/** As they cross a channel (base/wire.h), one or all four. */
void config_threshold_put(struct buf *datagram, int threshold);
void config_thresholds_put(struct buf *datagram, struct config_thresholds thresholds);
/** What can't be a threshold breaks the reader. */
int config_threshold_read(struct wire_reader *reader);
struct config_thresholds config_thresholds_read(struct wire_reader *reader);

/** As the log has them: "3.00 5.00 - off", in the order of the struct; "-": as configured. */
enum { THRESHOLDS_TEXT_MAX = 64 };
void config_thresholds_format(struct config_thresholds thresholds, char out[THRESHOLDS_TEXT_MAX]);
/** False: it isn't such a text. */
bool config_thresholds_parse(struct slice text, struct config_thresholds *thresholds);

#endif
