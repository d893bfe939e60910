#!/usr/bin/env python3
"""Takes the picture of the console that README.md shows.

    docs/images/take-console.py http://127.0.0.1:8081/ ENROLLMENT_ID docs/images/console.png

Needs Debian's `chromium` and nothing else. The page keeps a connection open for live figures, so Chromium's own
--screenshot would take its picture too early or never; this one waits until the page shows what it is to show.
"""

import base64
import json
import os
import subprocess
import sys
import tempfile
import time


def main():
    url, enrollment, out = sys.argv[1:4]
    to_read, to_write = os.pipe()
    from_read, from_write = os.pipe()

    def plug():
        # Chromium speaks DevTools over descriptors 3 and 4. The copies first, so that neither overwrites the other.
        a, b = os.dup(to_read), os.dup(from_write)
        os.dup2(a, 3)
        os.dup2(b, 4)

    with tempfile.TemporaryDirectory() as profile:
        browser = subprocess.Popen(
            ['chromium', '--headless', '--no-sandbox', '--disable-gpu', '--remote-debugging-pipe',
             f'--user-data-dir={profile}', '--window-size=1000,900'],
            preexec_fn=plug, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_read)
        os.close(from_write)
        answers = os.fdopen(from_read, 'rb')
        number = 0

        def ask(method, session=None, **parameters):
            nonlocal number
            number += 1
            message = {'id': number, 'method': method, 'params': parameters}
            if session:
                message['sessionId'] = session
            os.write(to_write, json.dumps(message).encode() + b'\0')
            while True:
                line = bytearray()
                while (byte := answers.read(1)) != b'\0':
                    if not byte:
                        raise SystemExit('the browser ended')
                    line += byte
                answer = json.loads(line)
                if answer.get('id') == number:
                    if 'error' in answer:
                        raise SystemExit(f'{method}: {answer["error"]}')
                    return answer['result']

        try:
            target = ask('Target.createTarget', url=url)['targetId']
            session = ask('Target.attachToTarget', targetId=target, flatten=True)['sessionId']

            def evaluate(code):
                return ask('Runtime.evaluate', session, expression=code)['result'].get('value')

            def wait_for(code):
                until = time.monotonic() + 15
                while not evaluate(code):
                    if time.monotonic() > until:
                        raise SystemExit(f'never became true: {code}')
                    time.sleep(0.1)

            wait_for("document.querySelectorAll('#queues tr').length > 0")
            evaluate(f"document.getElementById('enrollment').value = {json.dumps(enrollment)};"
                     "document.getElementById('find').requestSubmit()")
            wait_for("document.querySelectorAll('#story li').length > 0")
            wait_for("[...document.querySelectorAll('#queues tr')]"
                     ".every(row => row.cells[5].textContent === '0') || document.querySelector('#letters tr') !== null")
            height = evaluate("document.documentElement.scrollHeight")
            picture = ask('Page.captureScreenshot', session, format='png', captureBeyondViewport=True,
                          clip={'x': 0, 'y': 0, 'width': 1000, 'height': height, 'scale': 1})
            with open(out, 'wb') as file:
                file.write(base64.b64decode(picture['data']))
            ask('Browser.close')
        finally:
            os.close(to_write)
            browser.wait(10)


main()
