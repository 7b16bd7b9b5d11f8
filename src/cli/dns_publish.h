/* Writing records of domains at the name server that takes changes of them (option dns_update). What an administrator may have chosen otherwise stays, and
 * what leads elsewhere is replaced only if that is wanted. */
#ifndef CLI_DNS_PUBLISH_H
#define CLI_DNS_PUBLISH_H

#include "cli/command.h"
#include "dnsupdate/dnsupdate.h"
#include "zone/zone.h"

/** What is done with a record. */
enum cli_dns_deed { CLI_DNS_NOTHING, CLI_DNS_ADD, CLI_DNS_REPLACE, CLI_DNS_LEAVE };

struct cli_dns_step {
	const struct zone_record *record;
	struct slice zone;                   /* of the name server that it belongs to */
	struct dns_update_standing standing; /* at its name now */
	enum zone_state state;
	struct slice there;                  /* what stands there instead; printable */
	enum cli_dns_deed deed;
	const char *why;                     /* of CLI_DNS_LEAVE, a sentence; else NULL */
};

/** Looks at the server what stands there, and says of each record what is to be done; `force`: others' records may be replaced. *steps in `arena`, one for
 * each record. */
bool cli_dns_plan(const struct dns_update_server *server, const struct zone_record *records, size_t count, bool force, struct arena *arena,
		  struct cli_dns_step **steps, struct error *error);
/** Does it, a zone at a time, and looks whether it is so afterwards. False: at least one isn't; what was done before stays. */
bool cli_dns_carry_out(const struct dns_update_server *server, const struct cli_dns_step *steps, size_t count, struct arena *arena, struct error *error);
/** Removes those of the records that stand there as they are. *removed: how many. */
bool cli_dns_remove(const struct dns_update_server *server, const struct zone_record *records, size_t count, struct arena *arena, size_t *removed, struct error *error);

#endif
