"""Start the services in a home, print their URLs, and stop when standard input closes.

python hold_services.py HOME
"""

import json
import sys
from pathlib import Path

from newsmill.services.launcher import Services

with Services.launch(Path(sys.argv[1])) as services:
    print(json.dumps([services.database_url, services.redis_url]), flush=True)
    sys.stdin.read()
