"""Certificates for tests, made on the spot with the openssl command.

    authority = Authority(directory / 'ca')
    authority.issue(directory / 'server', serial=2)     # .certificate and .key are files in that directory
"""

import dataclasses
import os
import pathlib
import subprocess


@dataclasses.dataclass
class Identity:
    certificate: pathlib.Path
    key: pathlib.Path

    def copy_to(self, other):
        """Takes the other's place, as a careful tool does it: whole files, renamed."""
        for mine, theirs in ((self.key, other.key), (self.certificate, other.certificate)):
            new = theirs.with_name(theirs.name + '.new')
            new.write_bytes(mine.read_bytes())
            new.chmod(0o600)
            os.replace(new, theirs)


def openssl(*arguments):
    done = subprocess.run(['openssl', *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def new_key(path, kind):
    options = {'ec': ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'],
               'rsa': ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048']}[kind]
    openssl('genpkey', *options, '-out', path)


class Authority:
    def __init__(self, directory, name='Test Authority', kind='ec'):
        directory.mkdir()
        self.certificate = directory / 'ca.pem'
        self.key = directory / 'ca.key'
        new_key(self.key, kind)
        openssl('req', '-x509', '-new', '-key', self.key, '-subj', f'/CN={name}', '-days', 30, '-out', self.certificate,
                '-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign')

    def issue(self, directory, name='localhost', serial=1, days=20, kind='ec'):
        directory.mkdir()
        identity = Identity(directory / 'certificate.pem', directory / 'key.pem')
        new_key(identity.key, kind)
        request, extensions = directory / 'request.pem', directory / 'extensions'
        openssl('req', '-new', '-key', identity.key, '-subj', f'/CN={name}', '-out', request)
        extensions.write_text(f'subjectAltName=DNS:{name},IP:127.0.0.1\nbasicConstraints=critical,CA:FALSE\n')
        openssl('x509', '-req', '-in', request, '-CA', self.certificate, '-CAkey', self.key, '-set_serial', serial,
                '-days', days, '-extfile', extensions, '-out', identity.certificate)
        return identity
