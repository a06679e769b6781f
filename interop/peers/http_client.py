"""Python's HTTP clients log on with NTLM, with channel bindings where there are some.

    http_client.py requests|pyspnego URL USER PASSWORD [--method M] [--data TEXT] [--bindings right|wrong|none]

Prints the status, a blank, and the body. `requests` is requests with requests_ntlm; `pyspnego` is pyspnego's tokens over http.client, all on one
connection.
"""

import argparse
import base64
import hashlib
import http.client
import ssl
import sys
import urllib.parse


def with_requests(arguments):
    import requests
    import requests_ntlm
    import urllib3

    urllib3.disable_warnings()
    session = requests.Session()
    session.auth = requests_ntlm.HttpNtlmAuth(arguments.user, arguments.password, send_cbt=arguments.bindings == "right")
    response = session.request(arguments.method, arguments.url, data=arguments.data, verify=False)
    return response.status_code, response.text


def with_pyspnego(arguments):
    import spnego
    import spnego.channel_bindings

    url = urllib.parse.urlsplit(arguments.url)
    path = url.path or "/"
    if url.scheme == "https":
        connection = http.client.HTTPSConnection(url.netloc, context=ssl._create_unverified_context())
    else:
        connection = http.client.HTTPConnection(url.netloc)
    connection.connect()
    bindings = None
    if url.scheme == "https" and arguments.bindings != "none":
        certificate = connection.sock.getpeercert(binary_form=True)
        if arguments.bindings == "wrong":
            certificate += b"another"
        data = b"tls-server-end-point:" + hashlib.sha256(certificate).digest()
        bindings = spnego.channel_bindings.GssChannelBindings(application_data=data)
    client = spnego.client(
        arguments.user, arguments.password, hostname=url.hostname, service="HTTP", protocol="ntlm",
        options=spnego.NegotiateOptions.use_ntlm, channel_bindings=bindings,
    )
    token = client.step()
    while True:
        last = client.complete
        body = arguments.data.encode() if arguments.data and last else b""
        headers = {"Authorization": "NTLM " + base64.b64encode(token).decode(), "Content-Length": str(len(body))}
        connection.request(arguments.method, path, body=body, headers=headers)
        response = connection.getresponse()
        text = response.read().decode()
        offers = [value for name, value in response.getheaders() if name.lower() == "www-authenticate"]
        challenge = next((offer[5:] for offer in offers if offer.upper().startswith("NTLM ")), None)
        if last or challenge is None:
            return response.status, text
        token = client.step(base64.b64decode(challenge))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("client", choices=["requests", "pyspnego"])
    parser.add_argument("url")
    parser.add_argument("user")
    parser.add_argument("password")
    parser.add_argument("--method", default="GET")
    parser.add_argument("--data")
    parser.add_argument("--bindings", choices=["right", "wrong", "none"], default="right")
    arguments = parser.parse_args()
    status, body = {"requests": with_requests, "pyspnego": with_pyspnego}[arguments.client](arguments)
    print(status, body)


main()
