/* The checks that options.def names: is this value one that the server can work with? A text option is checked whole, a
 * list entry by entry; the empty text is never checked. False with the reason, to which the caller adds file and line. */
#ifndef CONFIG_CHECK_H
#define CONFIG_CHECK_H

#include "base/error.h"
#include "base/slice.h"

bool check_domain(struct slice value, struct error *error); /* or none */
bool check_host_name(struct slice value, struct error *error);
bool check_log_level(struct slice value, struct error *error);
bool check_storage(struct slice value, struct error *error); /* or none */
bool check_resolver(struct slice value, struct error *error);
bool check_sendmail_listen(struct slice value, struct error *error);
bool check_listen(struct slice value, struct error *error);
bool check_certificate(struct slice value, struct error *error);
bool check_bare_lf(struct slice value, struct error *error);
bool check_scram_over_tls(struct slice value, struct error *error);
bool check_tls_version(struct slice value, struct error *error);
bool check_acme(struct slice value, struct error *error); /* and what follows: config_acme.c */
bool check_acme_challenge(struct slice value, struct error *error);
bool check_acme_contact(struct slice value, struct error *error);
bool check_acme_name(struct slice value, struct error *error);
bool check_acme_profile(struct slice value, struct error *error);
bool check_https_url(struct slice value, struct error *error);
bool check_label(struct slice value, struct error *error);
bool check_network(struct slice value, struct error *error);
bool check_address(struct slice value, struct error *error);
bool check_reports_from(struct slice value, struct error *error); /* or none */
bool check_smarthost(struct slice value, struct error *error);
bool check_smarthost_tls(struct slice value, struct error *error);
bool check_retry_schedule(struct slice value, struct error *error);
bool check_separator(struct slice value, struct error *error);
bool check_points(struct slice value, struct error *error);
bool check_rule_points(struct slice value, struct error *error);
bool check_attachment_kind(struct slice value, struct error *error);
bool check_attachment_for(struct slice value, struct error *error);
bool check_attachment_action(struct slice value, struct error *error);
bool check_daytime(struct slice value, struct error *error);
bool check_door(struct slice value, struct error *error);
bool check_access(struct slice value, struct error *error);
bool check_access_for(struct slice value, struct error *error);
bool check_greylist(struct slice value, struct error *error);
bool check_rate(struct slice value, struct error *error);
bool check_dns_list(struct slice value, struct error *error);
bool check_dns_update(struct slice value, struct error *error);
bool check_mta_sts_mode(struct slice value, struct error *error);
bool check_mta_sts_host(struct slice value, struct error *error);
bool check_mta_sts(struct slice value, struct error *error);
bool check_quarantine_release(struct slice value, struct error *error);
bool check_virus_action(struct slice value, struct error *error);
bool check_engine(struct slice value, struct error *error);
bool check_provider_name(struct slice value, struct error *error);
bool check_page(struct slice value, struct error *error);

/** Puts blanks in the place of comments; lines stay. */
void config_blank_comments(char *at, size_t len);
/** Does the text, whose comments are gone, set an option twice, or listen twice on one port? ("+=" adds to a list, and isn't
 * twice.) False with both lines in *error, "pombal.conf:12: …". */
bool config_check_twice(struct slice text, const char *path, struct error *error);

#endif
