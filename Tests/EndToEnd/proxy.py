"""nginx before the nodes of one server, as docs/operations.md sets it up: each request goes to the next node.

It takes nothing off the nodes' shoulders: no limit of its own on what clients send, no second attempt at another node,
no answer in a node's place. When the node that has a request goes away, so does the client's connection, as it would
without a proxy.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from processes import Node, answers, eventually, leashed

#: Where its connections to the nodes come from, so that nodes can tell it from clients, who come from 127.0.0.1.
ADDRESS = "127.0.0.2"

CONFIGURATION = """
daemon off;
master_process off;
pid {directory}/nginx.pid;
error_log {directory}/error.log warn;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;

    upstream nodes {{
{nodes}
        keepalive 64;
        keepalive_timeout 30s;
    }}

    server {{
        listen 127.0.0.1:{port} backlog=1024;
        keepalive_timeout 600s;
        keepalive_requests 1000000;

        # What is too long or badly spelt is for the nodes to refuse.
        client_max_body_size 0;
        client_header_buffer_size 64k;
        large_client_header_buffers 8 64k;
        ignore_invalid_headers off;
        merge_slashes off;

        location / {{
            proxy_pass http://nodes;
            proxy_bind {address};
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_pass_header Date;
            proxy_pass_header Server;
            proxy_next_upstream off;
            proxy_request_buffering off;
            # Events of a stream leave one by one.
            proxy_buffering off;
            proxy_buffers 8 64k;
            proxy_buffer_size 64k;
            proxy_read_timeout 120s;
            error_page 502 504 @gone;
        }}

        location @gone {{ return 444; }}
    }}
}}
"""


class Proxy:
    """Round robin over `nodes`, whatever state they are in."""

    def __init__(self, directory: Path, port: int, nodes: list[Node]) -> None:
        self.directory = directory
        self.url = f"http://127.0.0.1:{port}"
        self.log_file = directory / "error.log"
        self._process: subprocess.Popen | None = None
        directory.mkdir(parents=True, exist_ok=True)
        servers = "\n".join(f"        server 127.0.0.1:{node.port} max_fails=0;" for node in nodes)
        self._configuration = directory / "nginx.conf"
        self._configuration.write_text(
            CONFIGURATION.format(directory=directory, nodes=servers, port=port, address=ADDRESS))

    def start(self) -> None:
        """Starts it unless it runs. Clients that come too early lose their connection."""
        if self._process is None:
            self._process = subprocess.Popen(
                leashed(_program(), "-c", str(self._configuration), "-p", str(self.directory), "-e", str(self.log_file)),
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def wait(self) -> None:
        eventually("nginx hands requests on", self._is_ready, timeout=30)

    def _is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"nginx ended:\n{self.log_file.read_text(errors='replace')}"
        return answers(self.url)

    def dispose(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
        self._process = None


def _program() -> str:
    # /usr/sbin is not on everybody's path.
    if found := shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin"):
        return found
    raise FileNotFoundError("no nginx: install nginx-light")
