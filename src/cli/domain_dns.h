/* pombal domain dns: what the DNS must say of a domain, and whether it does. */
#ifndef CLI_DOMAIN_DNS_H
#define CLI_DOMAIN_DNS_H

#include "cli/instance.h"
#include "zone/zone.h"

extern const struct command_option cli_domain_dns_options[];

/** What the DNS must say of a domain. */
struct cli_zone {
	struct command_line *line;
	struct zone_plan plan;
	struct auth_signing_key *keys; /* those of the plan, as the directory has them */
	struct zone_record *records;
	size_t count;
};
/** Makes the domain's keys if it has none. `authority`: who may make its certificates; NULL or "": anybody. All of it lives in line->arena. */
bool cli_domain_zone(struct command_line *line, struct directory *directory, struct slice domain, const char *authority, struct cli_zone *zone, struct error *error);
/** A record as a line of a zone file, in line->arena. */
struct slice cli_domain_record_line(const struct command_line *line, const struct zone_record *record);
/** Must something be done about it? What is missing and only advised is no fault. */
bool cli_domain_is_fault(const struct zone_record *record, enum zone_state state);
/** name, type, whether it is needed, and its line. */
json_t *cli_domain_json_of_record(const struct command_line *line, const struct zone_record *record);

/** Prints the records that a domain needs, or with --check how each stands in the DNS. False with *error: nothing was printed, or with
 * --check something must be done and was said. */
bool cli_domain_dns(struct command_line *line, struct directory *directory, struct slice domain, struct error *error);

#endif
