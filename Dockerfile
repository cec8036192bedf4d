# One image for web, worker and beat; compose.yaml says which of them a container is.
FROM python:3.13-slim

ENV PYTHONUNBUFFERED=1 COACHSITE_VAR=/srv/var
WORKDIR /srv/coachsite

COPY requirements.txt .
RUN pip install --no-cache-dir --require-hashes -r requirements.txt

RUN useradd --system --create-home coachsite && mkdir /srv/var && chown coachsite /srv/var
COPY . .
USER coachsite
VOLUME /srv/var
EXPOSE 8000

CMD ["gunicorn", "coachsite.wsgi", "--bind", "0.0.0.0:8000", "--worker-class", "gthread", \
     "--workers", "2", "--threads", "4", "--no-control-socket"]
