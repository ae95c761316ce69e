# The dashboard for a class or a team, as docs/serving.md says.
FROM python:3.12-slim

# Runs, data sets, and what programs keep in a home folder: all that is written lies in the volume.
RUN useradd --uid 1000 --home-dir /lab --create-home lab
ENV DIGIT_LAB_RUNS=/lab/runs DIGIT_LAB_DATA=/lab/data PYTHONUNBUFFERED=1
VOLUME /lab

# First what seldom changes.
WORKDIR /src
COPY requirements.txt ./
RUN pip install --no-cache-dir --requirement requirements.txt
COPY pyproject.toml README.md LICENSE app.py ./
COPY .streamlit .streamlit/
COPY docs/icon.png docs/
COPY mnist_core mnist_core/
COPY pages pages/
RUN pip install --no-cache-dir --no-deps .

USER lab
WORKDIR /lab
EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s CMD ["python", "-c", "\
import os, urllib.request; \
path = os.environ.get('STREAMLIT_SERVER_BASE_URL_PATH', '').strip('/'); \
urllib.request.urlopen(f'http://localhost:8501/{path and path + chr(47)}_stcore/health', timeout=5)"]
CMD ["digit-lab", "app", "--server.address=0.0.0.0", "--server.port=8501", "--server.headless=true", \
    "--browser.serverAddress=localhost"]
