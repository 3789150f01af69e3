# The app without the sandbox. Settings come from the environment; SQLite lives in the volume /data.
ARG PYTHON=3.11

FROM python:${PYTHON}-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /app
RUN python -m venv /venv
COPY requirements.lock ./
RUN /venv/bin/pip install --require-hashes -r requirements.lock
COPY . .
# Editable, so that the packages stay beside manifest.yml, where bot/manifest.py reads it.
RUN /venv/bin/pip install --no-deps -e . && /venv/bin/python -m compileall -q bot handlers xpm

FROM python:${PYTHON}-slim
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    XPM_SLACK_HOST=0.0.0.0 \
    XPM_SLACK_DATABASE_URL=sqlite:////data/xpm-slack.db
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin xpm \
    && install -d -o xpm -g xpm -m 700 /data
COPY --from=build /venv /venv
COPY --from=build /app /app
USER xpm
# Settings are read from the environment; a .env would be looked for here.
WORKDIR /data
VOLUME /data
EXPOSE 8400
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ.get('XPM_SLACK_PORT', '8400') + '/healthz', timeout=4)"]
# Every verb works: docker run … keys new, migrate, doctor. Without one it serves.
ENTRYPOINT ["xpm-slack"]
CMD ["serve"]
STOPSIGNAL SIGTERM
