// A mail server with a will, for test scripts: node, nothing else.
import net from 'node:net';
import { createInterface } from 'node:readline';

// A mail server that refuses, for good, recipients whose name begins with `poison`, until it is `healed`.
export class MailServer {
  static async start() {
    const mail = new MailServer();
    mail.taken = 0;
    mail.healed = false;
    mail.server = net.createServer((socket) => mail.serve(socket));
    await new Promise((resolve) => mail.server.listen(0, '127.0.0.1', resolve));
    mail.url = `smtp://127.0.0.1:${mail.server.address().port}?tls=off`;
    return mail;
  }

  serve(socket) {
    socket.on('error', () => {});
    let inBody = false;
    const say = (text) => socket.write(text + '\r\n');
    say('220 test');
    createInterface({input: socket}).on('line', (line) => {
      const command = line.toUpperCase();
      if (inBody) {
        if (line !== '.') return;
        inBody = false;
        this.taken += 1;
        say('250 taken');
      } else if (command.startsWith('RCPT') && /<poison/i.test(line) && !this.healed) {
        say('550 5.1.1 nobody of that name');
      } else if (command === 'DATA') {
        inBody = true;
        say('354 go on');
      } else if (command === 'QUIT') {
        say('221 bye');
        socket.end();
      } else {
        say('250 ok');
      }
    });
  }

  async close() {
    await new Promise((resolve) => {
      this.server.close(resolve);
      this.server.closeAllConnections?.();
    });
  }
}
