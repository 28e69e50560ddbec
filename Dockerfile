FROM python:3.13-slim AS build
RUN python -m venv /venv
COPY requirements.lock /tmp/
RUN /venv/bin/pip install --no-cache-dir --no-compile --disable-pip-version-check \
        --require-hashes -r /tmp/requirements.lock
COPY pyproject.toml /app/
COPY shared /app/shared
COPY services /app/services
COPY apps /app/apps
RUN printf '#!/venv/bin/python\nfrom apps.cli.main import run\n\nrun()\n' > /venv/bin/suhde && \
    chmod 755 /venv/bin/suhde
# At run time nothing is written, so the bytecode is made here. It is trusted without a look at the
# source, since a copied file may get another time of change. What does not compile fails the build.
RUN /venv/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /venv/lib /app

FROM python:3.13-slim
RUN groupadd --gid 10001 suhde && useradd --uid 10001 --gid 10001 --no-create-home \
        --home-dir /tmp --shell /usr/sbin/nologin suhde && \
    install --directory --owner 10001 --group 10001 --mode 700 /var/lib/suhde/attachments
COPY --from=build /venv /venv
COPY --from=build /app /app
ENV PATH=/venv/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    SUHDE_HOST=0.0.0.0 \
    SUHDE_PORT=8000 \
    SUHDE_URL=http://127.0.0.1:8000
WORKDIR /app
USER 10001:10001
EXPOSE 8000
ENTRYPOINT ["suhde"]
