"""mbsync, as the tests run it: one configuration, written once."""


def configuration(server, name, password, home, channel="Create Near"):
    """Writes ~/mbsyncrc for an account, whose mail goes to ~/mail; `channel` is what a test wants beside it. Gives its path."""
    (home / "mail").mkdir(exist_ok=True)
    path = home / "mbsyncrc"
    path.touch(mode=0o600)
    # mbsync checks the certificate for Host, which the DNS doesn't know: hence the tunnel.
    path.write_text(f"""\
IMAPAccount pombal
Host {server.hostname}
Tunnel "bash -c 'exec 3<>/dev/tcp/{server.address}/{server.ports["imaps"]}; cat <&3 & exec cat >&3'"
User {name}
Pass "{password}"
SSLType IMAPS
SystemCertificates no
CertificateFile {server.certificate[0]}

IMAPStore far
Account pombal

MaildirStore near
Path {home}/mail/
Inbox {home}/mail/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
{channel}
SyncState *
""")
    return path
